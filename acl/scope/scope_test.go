package scope

import (
	"maps"
	"strings"
	"testing"
)

func TestParseRefusesWhatHasNoMeaning(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"web":                 `"web": want mine, name=PATTERN, label=KEY=VALUE or *, such as name=web`,
		"mine,web":            `such as name=web`,
		"team=a":              `such as label=team=a`,
		"*,mine":              "* is everything",
		"name=":               `"" can match no container`,
		"name=/web":           `want the name without /, as docker ps shows it: web`,
		"name=we b":           `"we b": want a comma between two: we,b`,
		"label=":              "has no key",
		"label==x":            "has no key",
		"label=a=x*":          "has a *",
		"label=a=1,label=a=2": "stands there twice",
		"name=web,label=a,db": `"db": want mine`,
		"Mine":                `or *; did you mean mine?`,
		"all":                 `or *; did you mean *?`,
		"NAME=web":            `did you mean name=web?`,
		"name:web":            `did you mean name=web?`,
		"labels=a=b":          `did you mean label=a=b?`,
		"name=w;b":            `"w;b": want a comma between two: w,b`,
	} {
		if _, err := Parse(value, "ci"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("SCOPE=%s: %v, want %q", value, err, want)
		}
	}
}

// TestHas asserts for each scope which of some objects are in it.
func TestHas(t *testing.T) {
	t.Parallel()
	labels := func(s string) map[string]string {
		m := map[string]string{}
		for pair := range strings.FieldsSeq(s) {
			key, value, _ := strings.Cut(pair, "=")
			m[key] = value
		}
		return m
	}
	objects := map[string]Object{
		"web":      {Container, "web", labels("team=a tier=front"), nil},
		"webx":     {Container, "webx", labels("team=b"), nil},
		"db-1":     {Container, "db-1", labels("team=a postern.client=ci"), nil},
		"made":     {Container, "made", labels("postern.client=ci"), labels("postern.client=")},
		"foreign":  {Container, "foreign", labels("postern.client=dev"), nil},
		"forged":   {Container, "forged", labels("postern.client=ci"), labels("postern.client=ci")},
		"imaged":   {Container, "imaged", labels("team=a"), labels("team=a")},
		"override": {Container, "override", labels("team=a"), labels("team=z")},
		"net":      {Network, "web", labels("team=a"), nil},
		"vol":      {Volume, "data", labels("postern.client=ci"), nil},
		"comma":    {Container, "comma", map[string]string{"rule": "a,b"}, nil},
	}
	for value, want := range map[string]string{
		"*":                          "web webx db-1 made foreign forged imaged override net vol comma",
		"":                           "web webx db-1 made foreign forged imaged override net vol comma",
		"name=web":                   "web",
		"name=web,db-*":              "web db-1",
		"name=web, name=webx":        "web webx",
		"label=team=a":               "web db-1 override net",
		"label=team":                 "web webx db-1 override net",
		"label=team=a,label=tier":    "web",
		"name=we*,label=team=a":      "web",
		"label=team=a,name=web,db-1": "web db-1",
		"mine":                       "db-1 made vol",
		"mine,name=web":              "web db-1 made vol",
		"mine,label=team=b":          "webx db-1 made vol",
		`label=rule=a\,b`:            "comma",
	} {
		s, err := Parse(value, "ci")
		if err != nil {
			t.Fatalf("SCOPE=%s: %v", value, err)
		}
		for name, o := range objects {
			if has, should := s.Has(o), strings.Contains(" "+want+" ", " "+name+" "); has != should {
				t.Errorf("SCOPE=%s has %s: %v", value, name, has)
			}
		}
	}
	for name, o := range objects {
		if (&Scope{}).Has(o) {
			t.Errorf("the zero Scope has %s", name)
		}
	}
}

// TestNewLabels asserts what an object that a client makes is labelled with.
func TestNewLabels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scope string
		asked map[string]string
		want  map[string]string
		fails string
	}{
		{"mine", nil, nil, ""},
		{"mine", map[string]string{Stamp: "ci"}, nil, ""},
		{"mine", map[string]string{Stamp: "dev"}, nil, "another client's stamp"},
		{"label=team=a", nil, map[string]string{"team": "a"}, ""},
		{"label=team=a", map[string]string{"team": "b"}, nil, "out of the scope"},
		{"label=team=a", map[string]string{Stamp: "dev"}, nil, "another client's stamp"},
		{"label=team", nil, nil, "is missing"},
		{"label=team", map[string]string{"team": "x"}, map[string]string{}, ""},
		{"mine,label=team", nil, nil, ""},
		{"*", map[string]string{Stamp: "dev"}, nil, ""},
	} {
		s, _ := Parse(test.scope, "ci")
		got, err := s.NewLabels("ci", test.asked)
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("SCOPE=%s %v: %v, want %q", test.scope, test.asked, err, test.fails)
			}
		} else if err != nil || !maps.Equal(got, test.want) {
			t.Errorf("SCOPE=%s %v: %v %v, want %v", test.scope, test.asked, got, err, test.want)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	hex := strings.Repeat("a1", 6)
	for _, test := range []struct {
		scope string
		kind  Kind
		name  string
		ok    bool
	}{
		{"mine", Container, "x", true},
		{"mine", Container, "", true},
		{"mine", Container, hex, false},
		{"mine", Volume, strings.Repeat("a", 64), false},
		{"mine", Container, hex[:11], true},
		{"mine", Container, strings.Repeat("a", 65), true},
		{"name=web*", Container, "web2", true},
		{"name=web*", Container, "db", false},
		{"name=web*", Container, "", false},
		{"name=web*", Network, "web", false},
		{"name=web*", Volume, "web", false},
		{"label=a", Network, "web", true},
		{"*", Container, hex, true},
	} {
		s, _ := Parse(test.scope, "ci")
		if err := s.CheckName(test.kind, test.name); (err == nil) != test.ok {
			t.Errorf("SCOPE=%s, a %s called %q: %v", test.scope, test.kind, test.name, err)
		}
	}
}
