package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// filter runs the filter of an operation over a response, in pieces of n bytes.
func filter(f *Filter, in string, n int) (string, error) {
	var out []byte
	var err error
	for piece := []byte(in); len(piece) > 0 && err == nil; {
		n := min(n, len(piece))
		out, err = f.Append(out, piece[:n])
		piece = piece[n:]
	}
	if err == nil {
		err = f.End()
	}
	return string(out), err
}

// TestFilter asserts what becomes of a response, byte for byte, however it arrives.
func TestFilter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxName+1)
	for _, test := range []struct {
		id       string
		kinds    Kinds
		in, want string
	}{
		{"ContainerInspect", Env, `{"Config":{"Env":["A=b","C=","D","=e","F=g=h"]}}`, `{"Config":{"Env":["A=***","C=***","D","=***","F=***"]}}`},
		{"ContainerInspect", Env, `{"Config":{"Env":["VIRTUAL_HOST=a\nb","VIRTUALHOST=x","XVIRTUAL_HOST=x","virtual_host=x"]}}`, `{"Config":{"Env":["VIRTUAL_HOST=a\nb","VIRTUALHOST=***","XVIRTUAL_HOST=***","virtual_host=***"]}}`},
		{"ContainerInspect", Env, "{ \"Config\" :\t{ \"Env\" : [ \"A=b\" , \"B=c\" ] } }\n", "{ \"Config\" :\t{ \"Env\" : [ \"A=***\" , \"B=***\" ] } }\n"},
		{"ContainerInspect", Env, `{"Config":{"Env":null},"Config":{"Env":[]}}`, `{"Config":{"Env":null},"Config":{"Env":[]}}`},
		{"ContainerInspect", Env, `{"Config":null,"Size":1e999999,"x":[123456789012345678901234567890,-0.5E-7,true]}`, `{"Config":null,"Size":1e999999,"x":[123456789012345678901234567890,-0.5E-7,true]}`},
		// Keys as Go's decoder reads them.
		{"ContainerInspect", Env, `{"config":{"ENV":["A=b"]},"CONFIG":{"env":["A=b"],"Env":["A=b"]}}`, `{"config":{"ENV":["A=***"]},"CONFIG":{"env":["A=***"],"Env":["A=***"]}}`},
		{"ContainerInspect", Env, `{"\u0043onf\u0069g":{"\u0045nv":["A=b"]}}`, `{"\u0043onf\u0069g":{"\u0045nv":["A=***"]}}`},
		{"ContainerInspect", Args, `{"Config":{"Healthchec\u212a":{"Te\u017ft":["CMD","x"]}},"Healthcheck":{"Test":["y"]}}`, `{"Config":{"Healthchec\u212a":{"Te\u017ft":["CMD","***"]}},"Healthcheck":{"Test":["y"]}}`},
		// Escapes in a variable.
		{"ContainerInspect", Env, `{"Config":{"Env":["A\u003db=c","A\u003Db","\u0056IRTUAL_X=y","\"=x","A\\=x","B=\"\\","\u00e4\ud83d\ude00=x"]}}`,
			`{"Config":{"Env":["A\u003d***","A\u003D***","\u0056IRTUAL_X=y","\"=***","A\\=***","B=***","\u00e4\ud83d\ude00=***"]}}`},
		{"ContainerInspect", Env, "{\"Config\":{\"Env\":[\"A=\xff\xfe\",\"\xff=x\",\"\xc3=\xa4\"]}}", "{\"Config\":{\"Env\":[\"A=***\",\"\xff=***\",\"\xc3=***\"]}}"},
		{"ContainerInspect", Env, `{"Config":{"Labels":{"Env":"A=b","Config":"Env"},"Cmd":["A=b"]},"Env":["A=b"],"Args":["A=b"]}`, `{"Config":{"Labels":{"Env":"A=b","Config":"Env"},"Cmd":["A=b"]},"Env":["A=b"],"Args":["A=b"]}`},
		// A name that is too long to be looked at is not kept.
		{"ContainerInspect", Env, `{"Config":{"Env":["VIRTUAL_` + strings.Repeat("x", maxName) + `=y"]}}`, `{"Config":{"Env":["VIRTUAL_` + strings.Repeat("x", maxName) + `=***"]}}`},
		{"ContainerInspect", Args, `{"Path":"sh","Args":["-c","x \"y\"",""],"Config":{"Cmd":["a"],"Entrypoint":null,"Env":["A=b"],"Healthcheck":{"Test":["CMD-SHELL","curl x"],"Interval":1}}}`,
			`{"Path":"***","Args":["***","***",""],"Config":{"Cmd":["***"],"Entrypoint":null,"Env":["A=b"],"Healthcheck":{"Test":["CMD-SHELL","***"],"Interval":1}}}`},
		{"ContainerInspect", Env, `{"State":{"Health":{"Status":"healthy","Log":[{"ExitCode":0,"Output":"A=b"}]}}}`, `{"State":{"Health":{"Status":"healthy","Log":[{"ExitCode":0,"Output":"***"}]}}}`},
		{"ContainerList", Args, `[{"Command":"sh -c x","Names":["/a"],"SizeRw":1},{"Command":""}]`, `[{"Command":"***","Names":["/a"],"SizeRw":1},{"Command":""}]`},
		// What the classic builder leaves.
		{"ContainerInspect", Env, `{"Path":"/bin/sh","Args":["-c","#(nop) ","ENV A=b"],"Config":{"Cmd":["ARG A=b","ENVY x","ENV","` + long + ` ENV A=b","ONBUILD ENV A=b"]}}`,
			`{"Path":"/bin/sh","Args":["-c","#(nop) ","ENV ***"],"Config":{"Cmd":["ARG ***","ENVY x","ENV","` + long + ` ENV A=b","ONBUILD ***"]}}`},
		{"ContainerInspect", Env | Args, `{"Args":["-c","#(nop) ","ENV A=b"]}`, `{"Args":["***","***","***"]}`},
		{"ContainerList", Env, `[{"Command":"/bin/sh -c '#(nop) ' 'ENV A=b'"},{"Command":"sh -c 'echo #x'"},{"Command":"` + long + ` '#x"}]`, `[{"Command":"/bin/sh -c '#***"},{"Command":"sh -c 'echo #x'"},{"Command":"` + long + ` '#x"}]`},
		{"SystemDataUsage", Env, `{"Containers":[{"Command":"sh -c '#(nop) ' 'ENV A=b'"}]}`, `{"Containers":[{"Command":"sh -c '#***"}]}`},
		{"ContainerList", Args, `null`, `null`},
		{"ContainerList", Args, `[]`, `[]`},
		{"ContainerTop", Args, `{"Processes":[["root","12","?","00:00:01","sh -c x"]],"Titles":["UID","PID","TTY","TIME","CMD"]}`, `{"Processes":[["***","12","?","00:00:01","***"]],"Titles":["UID","PID","TTY","TIME","CMD"]}`},
		{"ExecInspect", Args, `{"ProcessConfig":{"entrypoint":"sh","arguments":["-c","x"],"user":"u"}}`, `{"ProcessConfig":{"entrypoint":"***","arguments":["***","***"],"user":"u"}}`},
		{"ExecInspect", Env, `{"Container":{"Config":{"Env":["A=b"]}}}`, `{"Container":{"Config":{"Env":["A=***"]}}}`},
		{"ImageInspect", Env, `{"Config":{"Env":["A=b"]},"ContainerConfig":{"Env":["A=b"],"Cmd":["#(nop) ","ENV A=b"],"OnBuild":["ENV A=b"]},"container_config":{"Env":["A=b"]}}`, `{"Config":{"Env":["A=***"]},"ContainerConfig":{"Env":["A=***"],"Cmd":["***","***"],"OnBuild":["***"]},"container_config":{"Env":["A=***"]}}`},
		{"ImageHistory", Env, `[{"Id":"x","CreatedBy":"ENV A=b"}]`, `[{"Id":"x","CreatedBy":"***"}]`},
		{"ImageAttestations", Env, `[{"PredicateType":"p","Statement":{"a":[1,{"b":"c"},"d"]},"x":1},{"Statement":12},{"Statement":"x\"y"},{"Statement":null},{"Statement":[]}]`, `[{"PredicateType":"p","Statement":null,"x":1},{"Statement":null},{"Statement":null},{"Statement":null},{"Statement":null}]`},
		{"SystemDataUsage", Args, `{"Containers":[{"Command":"x"}],"ContainerUsage":{"Items":[{"Command":"x"}]},"BuildCache":[{"Description":"RUN x"}]}`, `{"Containers":[{"Command":"***"}],"ContainerUsage":{"Items":[{"Command":"***"}]},"BuildCache":[{"Description":"***"}]}`},
		{"SystemEvents", Args, `{"status":"exec_create: sh -c \"x\"","Action":"exec_start: x","Actor":{"Attributes":{"execID":"1"}}}` + "\n\x1e" + `{"Action":"health_status: healthy"}{"Action":"exec_die"} {"Action":"start"}`,
			`{"status":"exec_create: ***","Action":"exec_start: ***","Actor":{"Attributes":{"execID":"1"}}}` + "\n\x1e" + `{"Action":"health_status: healthy"}{"Action":"exec_die"} {"Action":"start"}`},
		{"SystemEvents", Args, ``, ``},
		{"ServiceInspect", Env | Args, `{"Spec":{"TaskTemplate":{"ContainerSpec":{"Env":["A=b"],"Args":["x"],"Command":["y"]},"PluginSpec":{"env":["A=b"]}}},"PreviousSpec":{"TaskTemplate":{"ContainerSpec":{"Env":["A=b"]}}}}`,
			`{"Spec":{"TaskTemplate":{"ContainerSpec":{"Env":["A=***"],"Args":["***"],"Command":["***"]},"PluginSpec":{"env":["A=***"]}}},"PreviousSpec":{"TaskTemplate":{"ContainerSpec":{"Env":["A=***"]}}}}`},
		{"TaskList", Env, `[{"Spec":{"ContainerSpec":{"Env":["A=b"]}}}]`, `[{"Spec":{"ContainerSpec":{"Env":["A=***"]}}}]`},
		{"PluginList", Env, `[{"Settings":{"Env":["A=b"],"Args":["x"]},"Config":{"Env":[{"Name":"A","Value":"b"}],"Args":{"Value":["x"]}}}]`, `[{"Settings":{"Env":["A=***"],"Args":["x"]},"Config":{"Env":[{"Name":"A","Value":"***"}],"Args":{"Value":["x"]}}}]`},
	} {
		for _, n := range []int{1, 2, 3, 7, 1 << 20} {
			r := Redaction{Kinds: test.kinds, Keep: []string{"VIRTUAL_*"}}
			got, err := filter(r.Response(test.id), test.in, n)
			if err != nil || got != test.want {
				t.Errorf("%s %s in pieces of %d: %v\n got %s\nwant %s", test.id, test.kinds, n, err, got, test.want)
			}
		}
	}
}

// TestFilterRefuses asserts that what is not JSON, or not of the reference's types,
// ends with an error that quotes nothing, and that nothing of a value gets out before.
func TestFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		want error
	}{
		{`{"Config":{"Env":{"A":"hunter2"}}}`, errSchema},
		{`{"Config":{"Env":"A=hunter2"}}`, errSchema},
		{`{"Config":{"Env":["A=b",{"A":"hunter2"}]}}`, errSchema},
		{`{"Config":{"Env":[["A=hunter2"]]}}`, errSchema},
		{`{"Config":{"Env":[1]}}`, errSchema},
		{`{"Config":{"Env":true}}`, errSchema},
		{`{"Config":[{"Env":["A=hunter2"]}]}`, errSchema},
		{`{"Config":"Env=hunter2"}`, errSchema},
		{`[{"Config":{"Env":["A=hunter2"]}}]`, errSchema},
		{`"A=hunter2"`, errSchema},
		{`{"Config":{"Env":["A=hunter2`, errBrokeOff},
		{`{"Config":{"Env":["A=hunter2"]}`, errBrokeOff},
		{``, errBrokeOff},
		{`{"Config":{"Env":["A=hunter2"]}}{"A":"hunter2"}`, errSyntax},
		{`{"Config":{"Env":["A=b"]}}hunter2`, errSyntax},
		{`{"Config":{"Env":["A=b",]}}`, errSyntax},
		{`{"Config":{"Env":["A=b"` + "\n" + `hunter2]}}`, errSyntax},
		{"{\"Config\":{\"Env\":[\"A=b\nhunter2\"]}}", errSyntax},
		{`{"Config":{"Env":["A=\x41"]}}`, errSyntax},
		{`{"Config":{"Env":["A=\u00g1"]}}`, errSyntax},
		{`{"Config":{"Env":['A=hunter2']}}`, errSyntax},
		{`{Config:{"Env":["A=hunter2"]}}`, errSyntax},
		{`{"a":01}`, errSyntax},
		{`{"a":1.}`, errSyntax},
		{`{"a":nul}`, errSyntax},
		{`{"a" 1}`, errSyntax},
		{`{"a":[1}`, errSyntax},
		{"\x1e{}", errSyntax},
		{"<html>hunter2</html>", errSyntax},
		{"\x1f\x8b\x08\x00hunter2", errSyntax},
		{`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`, errDepth},
	} {
		for _, n := range []int{1, 1 << 20} {
			got, err := filter(Redaction{Kinds: Env}.Response("ContainerInspect"), test.in, n)
			if !errors.Is(err, test.want) {
				t.Errorf("%.80s: error %v, want %v", test.in, err, test.want)
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("%.80s: passes on %.80s", test.in, got)
			}
		}
	}
}

// TestNothingToRedact asserts that operations without such a field have no filter, and
// that nobody has one without REDACT.
func TestNothingToRedact(t *testing.T) {
	t.Parallel()
	for id, kinds := range map[string]Kinds{"ContainerInspect": 0, "ContainerTop": Env, "NetworkList": Env | Args, "SystemEvents": Env, "": Env | Args} {
		if (Redaction{Kinds: kinds}).Response(id) != nil {
			t.Errorf("%s has a filter with REDACT=%s", id, kinds)
		}
	}
}

// TestRequests asserts which request bodies want Mark for a value.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id    string
		kinds Kinds
		body  string
		want  error
	}{
		{"ContainerCreate", Env, `{"Image":"a","Env":["A=b","B=***"]}`, ErrMarked},
		{"ContainerCreate", Env, `{"env":["B=\u002a**"]}`, ErrMarked},
		{"ContainerCreate", Env, `{"Env":["A=b"],"Env":["B=***"],"Env":[]}`, ErrMarked},
		{"ContainerCreate", Env, `{"Env":["A=****","B=**","C","***","D=x***","E=***=***"],"Cmd":["***"],"Labels":{"Env":"A=***"}}`, nil},
		{"ContainerCreate", Env, `{"Env":null}`, nil},
		{"ContainerCreate", Env, `{"Env":"A=***"}`, errSchema},
		{"ContainerCreate", Env, `{"Env":[`, errBrokeOff},
		{"ContainerCreate", Args, `{"Cmd":"***"}`, ErrMarked},
		{"ContainerCreate", Args, `{"Cmd":"sh","Entrypoint":["x","***"]}`, ErrMarked},
		{"ContainerCreate", Args, `{"Cmd":["a","b"],"Entrypoint":null,"Env":["A=***"],"Healthcheck":{"Test":["CMD","x=***"]}}`, nil},
		{"ContainerExec", Env, `{"Env":["A=***"]}`, ErrMarked},
		{"ServiceUpdate", Env, `{"TaskTemplate":{"ContainerSpec":{"Env":["A=***"]}}}`, ErrMarked},
		{"ServiceCreate", Env, `{"TaskTemplate":{"PluginSpec":{"env":["A=***"]}}}`, ErrMarked},
		{"PluginSet", Env, `["A=***"]`, ErrMarked},
		{"PluginSet", Env, `["A=b"]`, nil},
	} {
		for _, n := range []int{1, 1 << 20} {
			if _, err := filter(Redaction{Kinds: test.kinds}.Request(test.id), test.body, n); !errors.Is(err, test.want) {
				t.Errorf("%s %s: error %v, want %v", test.id, test.body, err, test.want)
			}
		}
	}
}

// FuzzFilter asserts that a filter never panics, that it accepts nothing but JSON and
// writes JSON, that the pieces do not matter, and that no value of an environment is
// left.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(`{"Config":{"Env":["A=hunter2"]}}`), 3)
	f.Add([]byte(`{"config":{"Env":["A\u003dhunter2",null],"Env":["hunter2=hunter2"]},"a":[1e5,{"b":true}]}`), 1)
	f.Add([]byte(`{"Config":{"Env":[],"OnBuild":["hunter2"]},"State":{"Health":{"Log":[{"Output":"hunter2"}]}}}`), 2)
	f.Add([]byte(`[{"Statement":[{}]}]`), 1)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		n = 1 + max(n, -n)&15
		r := Redaction{Kinds: Env | Args}
		for _, id := range []string{"ContainerInspect", "ImageAttestations", "ContainerTop"} {
			got, err := filter(r.Response(id), string(in), n)
			whole, errWhole := filter(r.Response(id), string(in), len(in)+1)
			if (err == nil) != (errWhole == nil) || err == nil && got != whole {
				t.Fatalf("%s: in pieces of %d: %q, %v; at once: %q, %v", id, n, got, err, whole, errWhole)
			}
			if err == nil && (!json.Valid(in) || !json.Valid([]byte(got))) {
				t.Fatalf("%s: accepts %q and writes %q", id, in, got)
			}
			if err != nil && !errors.Is(err, errSchema) && json.Valid(in) {
				t.Fatalf("%s: %q: %v", id, in, err)
			}
			checkEnv(t, id, got, err)
		}
	})
}

// checkEnv decodes what was passed on as a client would.
func checkEnv(t *testing.T, id, got string, err error) {
	if err != nil || id != "ContainerInspect" {
		return
	}
	var c struct {
		Path   string
		Config struct{ Env, OnBuild, Cmd []string }
		State  struct {
			Health struct{ Log []struct{ Output string } }
		}
	}
	if json.NewDecoder(bytes.NewReader([]byte(got))).Decode(&c) != nil {
		return
	}
	for _, v := range c.Config.Env {
		if _, value, ok := strings.Cut(v, "="); ok && value != Mark {
			t.Fatalf("a value is left in %q", got)
		}
	}
	texts := append(append(c.Config.OnBuild, c.Config.Cmd...), c.Path)
	for _, l := range c.State.Health.Log {
		texts = append(texts, l.Output)
	}
	for _, s := range texts {
		if s != "" && s != Mark {
			t.Fatalf("%q is left in %q", s, got)
		}
	}
}
