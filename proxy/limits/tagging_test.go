package limits

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"postern/acl/guard"
)

// asked answers lookups like an engine that has one image and no tags, and notes what it
// was asked.
type asked []string

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	*a = append(*a, r.Method+" "+r.URL.RequestURI())
	res := &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody}
	switch {
	case r.Method == http.MethodPost:
		res.StatusCode = http.StatusCreated
	case strings.HasPrefix(r.URL.Path, "/images/sha256:"), strings.HasPrefix(r.URL.Path, "/images/0123456789ab/"):
		res.StatusCode, res.Body = http.StatusOK, io.NopCloser(strings.NewReader(`{"Id":"sha256:0123456789abcdef"}`))
	}
	return res, nil
}

// TestTagBuilt has what builds say, whether their tags are given, and what is added to
// what they say.
func TestTagBuilt(t *testing.T) {
	t.Parallel()
	settings, errs := guard.Parse("", map[string]string{"GUARD_TAG": "new"})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	const aux, done = `{"aux":{"ID":"sha256:0123456789abcdef"}}`, `{"stream":"Successfully built 0123456789ab\n"}`
	const tagged = `{"stream":"Successfully tagged app:latest\n"}`
	cut := iotest.ErrReader(io.ErrUnexpectedEOF)
	for name, test := range map[string]struct {
		said  string
		rest  io.Reader
		query string
		tags  bool
		adds  string
	}{
		"whole":                    {aux + "\r\n" + done + "\r\n", nil, "", true, tagged},
		"without line ends":        {aux + done, nil, "", true, tagged},
		"before API 1.30":          {done, nil, "", true, tagged},
		"quiet":                    {`{"stream":"sha256:0123456789abcdef\n"}`, nil, "", true, ""},
		"BuildKit":                 {`{"id":"moby.buildkit.trace","aux":"ABCD"}{"id":"moby.image.id","aux":{"ID":"sha256:0123456789abcdef"}}{"id":"moby.buildkit.trace","aux":"ABCD"}`, nil, "", true, tagged},
		"files from BuildKit":      {`{"id":"moby.buildkit.trace","aux":"ABCD"}`, nil, "outputs=x", false, ""},
		"a program's output":       {`{"stream":"Successfully built 999999999999\n"}` + aux + done, nil, "", true, tagged},
		"failed":                   {aux + `{"errorDetail":{"message":"x"},"error":"x"}`, nil, "", false, ""},
		"failed quietly":           {`{"stream":"sha256:0123456789abcdef\n"}{"errorDetail":{"message":"x"},"error":"x"}`, nil, "", false, ""},
		"no word of the image":     {`{"stream":"x\n"}`, nil, "", false, `{"error":"postern: the engine has not said which image it has made: it gets no tag"`},
		"an image that is gone":    {`{"stream":"Successfully built 999999999999\n"}`, nil, "", false, `{"error":"postern: the image does not get the tag app:latest: it does not exist"`},
		"cut off behind the image": {aux + done, cut, "", false, ""},
		"cut off in a message":     {aux + done + `{"stream":`, nil, "", false, ""},
	} {
		var engine asked
		query, _ := url.ParseQuery(test.query)
		c := &check{Limits: &Limits{Options: Options{Guard: &guard.Guard{Settings: settings}, Engine: NewEngine(&engine)}}, ctx: t.Context(), query: query}
		body := io.Reader(strings.NewReader(test.said))
		if test.rest != nil {
			body = io.MultiReader(body, test.rest)
		}
		res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}
		if err := c.tagBuilt(res, []string{"docker.io/library/app:latest"}); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if isCut := strings.HasPrefix(name, "cut off"); isCut != (err == io.ErrUnexpectedEOF) || !isCut && err != nil {
			t.Errorf("%s: the error %v", name, err)
		}
		if got := slices.Contains(engine, "POST /images/sha256:0123456789abcdef/tag?repo=docker.io%2Flibrary%2Fapp&tag=latest"); got != test.tags {
			t.Errorf("%s: the engine was asked for %q", name, engine)
		}
		messages := func(s string) string { return strings.ReplaceAll(s, "\r\n", "") }
		whole := messages(test.said)
		if strings.Contains(name, "in a message") {
			whole = aux + done
		}
		if added, all := strings.CutPrefix(messages(string(text)), whole); !all || !strings.HasPrefix(added, test.adds) || test.adds == "" && added != "" {
			t.Errorf("%s: the client is told %q", name, text)
		}
	}
}
