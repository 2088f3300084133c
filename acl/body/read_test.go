package body_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"postern/acl/body"
)

// TestRead has one line for each way in which two readers could differ on a body:
// what is read of it, or why it is refused.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		// Keys are written as the engine writes them, numbers as the client did.
		{`{"image":"x","HOSTCONFIG":{"privileged":true}}`, `{"Image":"x","HostConfig":{"Privileged":true}}`},
		{`{"HostConfig":{"Bindſ":["/:/h"]}}`, `{"HostConfig":{"Binds":["/:/h"]}}`},
		{`{"HostConfig":{"NetworKMode":"host"}}`, `{"HostConfig":{"NetworkMode":"host"}}`},
		{`{"HostConfig":{"\u0050rivileged":true}}`, `{"HostConfig":{"Privileged":true}}`},
		{`{"HostConfig":{"IOMaximumIOps":18446744073709551615,"Memory":-1}}`, `{"HostConfig":{"IOMaximumIOps":18446744073709551615,"Memory":-1}}`},
		{" {\n\"Image\" : \"a\\u00e9\\\"<\" }\n", `{"Image":"aé\"\u003c"}`},
		{`{"Cmd":null,"HostConfig":null,"ExposedPorts":{"80/tcp":{},"81/tcp":null}}`, `{"Cmd":null,"HostConfig":null,"ExposedPorts":{"80/tcp":{},"81/tcp":null}}`},
		{`{"Labels":{"a":"1","A":"2"}}`, `{"Labels":{"a":"1","A":"2"}}`},
		// Twice.
		{`{"Image":"a","Image":"b"}`, "Image is there twice"},
		{`{"HostConfig":{},"hostconfig":{"Privileged":true}}`, "HostConfig is there twice"},
		{`{"HostConfig":{"Binds":[],"Bindſ":["/:/h"]}}`, "HostConfig.Binds is there twice"},
		{`{"Labels":{"a":"1","a":"2"}}`, "Labels.a is there twice"},
		{`{"Novel":0,"novel":1}`, "novel is there twice"},
		// Not one object.
		{`{}{}`, "the body is not one JSON object"},
		{`{"Image":"x"}]junk`, "the body is not one JSON object"},
		{`{"Image":"x"}}`, "the body is not one JSON object"},
		{"\ufeff{}", "the body is not one JSON object"},
		{`{"Image":"x",}`, "the body is not one JSON object"},
		{`[]`, "the body is not an object"},
		{`"x"`, "the body is not an object"},
		{"{\"Image\":\"\xff\"}", "the body is not UTF-8"},
		{``, "the body is empty"},
		{` null `, "the body is empty"},
		{strings.Repeat(" ", body.MaxSize) + "{}", "the body has more than 1048576 bytes"},
		{`{"Novel":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`, "unknown Novel"},
		// Exact types.
		{`{"HostConfig":[]}`, "HostConfig is not an object"},
		{`{"HostConfig":{"CapAdd":"ALL"}}`, "HostConfig.CapAdd is not a list"},
		{`{"HostConfig":{"CapAdd":[1]}}`, "HostConfig.CapAdd[0] is not a string"},
		{`{"HostConfig":{"CapAdd":[null]}}`, "HostConfig.CapAdd[0] is null"},
		{`{"HostConfig":{"Memory":1e3}}`, "HostConfig.Memory is not a whole number"},
		{`{"HostConfig":{"Memory":"1"}}`, "HostConfig.Memory is not a whole number"},
		{`{"HostConfig":{"Privileged":"true"}}`, "HostConfig.Privileged is not true or false"},
		{`{"Labels":{"a":1}}`, "Labels.a is not a string"},
		// Unknown fields.
		{`{"Image":"x","A":null,"B":false,"C":0,"D":"","E":[ ],"F":{ },"G":-0.0e5}`, `{"Image":"x"}`},
		{`{"Novel":1}`, "unknown Novel"},
		{`{"HostConfig":{"Mounts":[{"Type":"bind","Novel":{"a":[1,"}"]}}]}}`, "unknown HostConfig.Mounts[0].Novel"},
		{`{"Privileged":true,"Binds":["/:/h"]}`, "unknown Privileged, Binds"},
		{`{"ExposedPorts":{"80/tcp":{"x":" "}}}`, "unknown ExposedPorts.80/tcp.x"},
	} {
		o, unknown, err := body.Read([]byte(test.in), body.ContainerCreate, body.Drop)
		got := string(o.Encode())
		if err != nil {
			got = err.Error()
		} else if len(unknown) > 0 {
			got = "unknown " + strings.Join(unknown, ", ")
		}
		if got != test.want {
			t.Errorf("%.80q: got %q, want %q", test.in, got, test.want)
		}
	}
}

// TestReadKeepsUnknownFields asserts that Keep keeps what a newer engine may know, and
// not what engines up to 26.1 read beside HostConfig.
func TestReadKeepsUnknownFields(t *testing.T) {
	t.Parallel()
	const in = `{"Image":"x","Novel":{"a": [1]},"HostConfig":{"Other":-1.5e3},"volumesfrom":["db"]}`
	o, unknown, err := body.Read([]byte(in), body.ContainerCreate, body.Keep)
	if want := `{"Image":"x","Novel":{"a": [1]},"HostConfig":{"Other":-1.5e3}}`; err != nil || string(o.Encode()) != want {
		t.Errorf("got %s, %v, want %s", o.Encode(), err, want)
	}
	if !slices.Equal(unknown, []string{"volumesfrom"}) {
		t.Errorf("got the unknown fields %q, want volumesfrom alone", unknown)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]body.Problem{
		strings.Repeat(" ", body.MaxSize+1): body.TooLarge,
		"\n":                                body.Empty,
		"{":                                 body.Malformed,
	} {
		var err *body.Error
		if _, _, got := body.Read([]byte(in), body.VolumeCreate, body.Drop); !errors.As(got, &err) || err.Problem != want {
			t.Errorf("%.10q: got %v, want problem %v", in, got, want)
		}
	}
}

// TestObject asserts what the callers rely on when they read and change a tree.
func TestObject(t *testing.T) {
	t.Parallel()
	o, _, err := body.Read([]byte(`{"Image":"x","HostConfig":{"Binds":["a:/a","b:/b"],"Memory":5,"Privileged":true},"NetworkingConfig":{"EndpointsConfig":{"n":null,"m":{}}}}`), body.ContainerCreate, body.Drop)
	if err != nil {
		t.Fatal(err)
	}
	if o.String("Image") != "x" || o.Int("HostConfig", "Memory") != 5 || !o.Bool("HostConfig", "Privileged") || !slices.Equal(o.Strings("HostConfig", "Binds"), []string{"a:/a", "b:/b"}) {
		t.Errorf("the values of %s are not returned", o.Encode())
	}
	if o.Get("Labels", "a") != nil || o.Get("Image", "x") != nil || o.String("HostConfig") != "" {
		t.Error("what is absent, or of another type, has a value")
	}
	o.Set("ci", "Labels", "postern.client")
	o.Set(int64(7), "HostConfig", "Memory")
	o.Set([]string{"1:/a"}, "HostConfig", "Binds")
	o.Set("rw", "HostConfig", "Tmpfs", "/t")
	o.Delete("HostConfig", "Privileged")
	o.Delete("HostConfig", "Nothing")
	o.Delete("Healthcheck", "Test")
	endpoints := o.Object("NetworkingConfig", "EndpointsConfig")
	if !endpoints.Rename("n", "id") || endpoints.Rename("m", "id") || endpoints.Rename("gone", "x") {
		t.Error("Rename does not say what it did")
	}
	want := `{"Image":"x","HostConfig":{"Binds":["1:/a"],"Memory":7,"Tmpfs":{"/t":"rw"}},"NetworkingConfig":{"EndpointsConfig":{"id":null,"m":{}}},"Labels":{"postern.client":"ci"}}`
	if got := string(o.Encode()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// More keys than are searched one by one.
	for _, key := range strings.Split("abcdefghijkl", "") {
		o.Set(key, "Labels", key)
	}
	o.Delete("Labels", "c")
	o.Object("Labels").Rename("d", "dd")
	o.Set("f2", "Labels", "f")
	if got, want := string(body.New(o.Object("Labels").Type()).Encode())+string(o.Object("Labels").Encode()), `{}{"postern.client":"ci","a":"a","b":"b","dd":"d","e":"e","f":"f2","g":"g","h":"h","i":"i","j":"j","k":"k","l":"l"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ raw, want string }{
		{"name=a&platform=linux%2Famd64", ""},
		{"t=a&t=b", ""},
		{"name=a&name=b", `the query has "name" twice`},
		{"name=a&n%61me=b", `the query has "name" twice`},
		{"name=a;b=c", "the query has a semicolon: write it as %3B"},
		{"name=%zz", "the query is malformed"},
	} {
		_, err := body.Query(test.raw, "t")
		if got := text(err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.raw, got, test.want)
		}
	}
}

func TestCheckHeaders(t *testing.T) {
	t.Parallel()
	const form = "the body is a form: the engine would read it in place of the query"
	for _, test := range []struct{ contentType, encoding, want string }{
		{"application/json; charset=utf-8", "", ""},
		{"", "identity", ""},
		{"application/x-tar", "", ""},
		{" Application/X-WWW-Form-Urlencoded ; charset=x", "", form},
		{"multipart/form-data; boundary=x", "", form},
		{"application/json", "gzip", `the body has Content-Encoding "gzip": want none`},
	} {
		if got := text(body.CheckHeaders(test.contentType, test.encoding)); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzRead asserts that encoding/json reads what is forwarded as it reads what came
// in: into a struct that ignores the case of keys.
func FuzzRead(f *testing.F) {
	seed, err := os.ReadFile("testdata/docker-run.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"image":"a\u0041\ud800","Labels":{"a":"1"},"Env":["x"],"hostConfig":{"binds":["b"],"memory":-0,"Tmpfs":{"/t":null}}}`))
	type wire struct {
		Image      string
		Labels     map[string]string
		Env        []string
		HostConfig *struct {
			Binds      []string
			Memory     int64
			Tmpfs      map[string]string
			Privileged bool
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		o, unknown, err := body.Read(in, body.ContainerCreate, body.Drop)
		if err != nil || len(unknown) > 0 {
			return
		}
		var before, after wire
		if err := json.Unmarshal(in, &before); err != nil {
			t.Skip() // a number that is too large for the field: the engine refuses it
		}
		out := o.Encode()
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q is forwarded as %q, which is malformed: %v", in, out, err)
		}
		a, _ := json.Marshal(before)
		b, _ := json.Marshal(after)
		if string(a) != string(b) {
			t.Fatalf("%q is forwarded as %q", in, out)
		}
		again, unknown, err := body.Read(out, body.ContainerCreate, body.Drop)
		if err != nil || len(unknown) > 0 || string(again.Encode()) != string(out) {
			t.Fatalf("%q is not read as itself: %v, %q", out, err, unknown)
		}
	})
}

// BenchmarkRead reads and writes what docker run sends.
func BenchmarkRead(b *testing.B) {
	data, err := os.ReadFile("testdata/docker-run.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		o, _, err := body.Read(data, body.ContainerCreate, body.Drop)
		if err != nil {
			b.Fatal(err)
		}
		o.Encode()
	}
}
