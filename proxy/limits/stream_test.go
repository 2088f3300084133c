package limits

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzValues asserts that values finds the same values in a stream as encoding/json, in
// whatever pieces they come, and that fields finds what encoding/json finds.
func FuzzValues(f *testing.F) {
	for _, text := range []string{`{"a":1}`, `"a\"b" 1 true null [{"a":["\\"]},"]"]`, `{"a\\":"\\\\\"","b":{}}{"Names":["/x"],"Id":"\u0041"}`, `[1,2]{}`, `"\\\\"`, "1 2", ` {"Id" : "x" , "a":-1.5e3}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want []string
		decoder := json.NewDecoder(strings.NewReader(text))
		for {
			var v json.RawMessage
			if err := decoder.Decode(&v); err == io.EOF {
				break
			} else if err != nil {
				return // the engine writes JSON
			}
			want = append(want, string(v))
		}
		for name, reader := range map[string]io.Reader{"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text))} {
			v := &values{r: bufio.NewReaderSize(reader, 16)}
			var got []string
			for {
				if _, err := v.peek(); err != nil {
					break
				}
				value, err := v.next()
				if err != nil && !(err == io.ErrUnexpectedEOF && len(v.value) > 0) {
					t.Fatalf("%s of %q: %v", name, text, err)
				}
				if err != nil {
					value = v.value // a number at the end, which no array of the engine's has
				}
				got = append(got, string(value))
			}
			if strings.Join(got, "|") != strings.Join(want, "|") && !hasScalar(want) {
				t.Errorf("%s of %q: %q, want %q", name, text, got, want)
			}
		}
		for _, object := range want {
			var all map[string]json.RawMessage
			if json.Unmarshal([]byte(object), &all) != nil || !strings.HasPrefix(object, "{") || strings.Contains(object, `\`) {
				continue
			}
			var found [2][]byte
			if err := fields([]byte(object), found[:], "Id", "Names"); err != nil {
				t.Errorf("fields of %q: %v", object, err)
			}
			if string(found[0]) != string(all["Id"]) || string(found[1]) != string(all["Names"]) {
				t.Errorf("fields of %q: %q, want %q and %q", object, found, all["Id"], all["Names"])
			}
		}
	})
}

// hasScalar reports whether one of the values is no object or array: two such values that
// touch, as 1"a", are two for encoding/json and none that an engine writes.
func hasScalar(values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return v[0] != '{' && v[0] != '[' })
}
