package limits

import "testing"

// TestFiltersAreReadInBothForms asserts that what the client filters by reaches the
// engine, in the one form that all engines read.
func TestFiltersAreReadInBothForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                `{}`,
		"null":                            `{}`,
		`{"label":["a=b","c"],"id":[]}`:   `{"id":{},"label":{"a=b":true,"c":true}}`,
		`{"label":{"a=b":true,"c":true}}`: `{"label":{"a=b":true,"c":true}}`,
		`{"label":{"a":true,"b":false}}`:  `{"label":{"a":true,"b":true}}`,
		`{"label":["x"],"label":["y"]}`:   `{"label":{"y":true}}`,
	} {
		f, err := parseFilters(text)
		if err != nil || f.encode() != want {
			t.Errorf("%s becomes %s, %v, want %s", text, f.encode(), err, want)
		}
	}
	for _, text := range []string{"x", "[]", `{"label":"a"}`, `{"label":["a"],"id":{"b":true}}`, `{"label":[1]}`, `{} {}`} {
		if f, err := parseFilters(text); err == nil {
			t.Errorf("%s becomes %s, want an error", text, f.encode())
		}
	}
}
