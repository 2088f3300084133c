package redact

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	// The API references ship inside this module.
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/plugin"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
	"go.yaml.in/yaml/v3"
)

// schema is one of the API reference's, as far as it says where fields are.
type schema struct {
	Ref                  string `yaml:"$ref"`
	Properties           map[string]schema
	AdditionalProperties yaml.Node `yaml:"additionalProperties"`
	Items                *schema
	AllOf                []schema `yaml:"allOf"`
}

type reference struct {
	Definitions map[string]schema
	Responses   map[string]struct{ Schema *schema }
	Paths       map[string]map[string]struct {
		OperationID string `yaml:"operationId"`
		Responses   map[string]struct {
			Ref    string `yaml:"$ref"`
			Schema *schema
		}
	}
}

// suspect matches keys that may hold an environment, a command line or what a program
// prints.
var suspect = regexp.MustCompile(`(?i)^(.*env.*|.*cmd.*|.*command.*|.*args|argument.*|entrypoint|test|shell|onbuild|created_?by|process(es)?|output|statement|action|status|path)$`)

// harmless says of the suspect fields that are in no table why they are not, by
// operation and path, in which * stands for any characters.
var harmless = []struct{ id, path, reason string }{
	{"*", "*Status*", "a state"},
	{"SystemInfo", "Runtimes.{}.*", "the engine's OCI runtimes and how it starts them"},
	{"SystemInfo", "CDISpecDirs*", "directories of the host"},
	{"*", "*.Shell[]", "what RUN is run by, not what it runs"},
	{"*", "*.ArgsEscaped", "a boolean"},
	{"ContainerInspect", "HostConfig.*.Path", "a block device"},
	{"ContainerInspect", "HostConfig.*.PathOnHost", "a device"},
	{"ContainerChanges", "[].Path", "the name of a file"},
	{"Plugin*", "*Config.Linux.Devices[].Path", "a device"},
	{"Plugin*", "*Settings.Devices[].Path", "a device"},
	{"Plugin*", "*.Settable[]", "what an administrator may set"},
	{"Plugin*", "*.Name", "a name, which stays"},
	{"Plugin*", "*.Description", "words about a variable"},
	{"*", "*.RunnerEnvironment", "what kind of machine signed an image"},
	{"SystemDataUsage", "Containers[][].Command", "an error of the reference: no engine sends lists in the list"},
}

// TestReferenceIsCovered walks every response of every edition of the API reference
// since 1.25. It fails when the API gets a field that may hold an environment or a
// command line, and that is in no table.
func TestReferenceIsCovered(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "docs", "v1.*.yaml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d editions of the API reference (%v), want more than 30", len(files), err)
	}
	files = append(files, filepath.Join(strings.TrimSpace(string(dir)), "swagger.yaml"))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var ref reference
			if err := yaml.Unmarshal(text, &ref); err != nil {
				t.Fatal(err)
			}
			w := walker{t: t, ref: ref}
			for _, methods := range ref.Paths {
				for _, op := range methods {
					for status, response := range op.Responses {
						s := response.Schema
						if response.Ref != "" {
							s = ref.Responses[filepath.Base(response.Ref)].Schema
						}
						if s != nil && status < "3" {
							w.id, w.root = op.OperationID, compile(fields, op.OperationID, Env|Args)
							w.walk(*s, "", nil)
						}
					}
				}
			}
			if w.covered < 25 || w.fields < 1000 {
				t.Errorf("walked %d fields, of which %d are redacted: is the reference read right?", w.fields, w.covered)
			}
		})
	}
}

type walker struct {
	t       *testing.T
	ref     reference
	id      string
	root    *node // of id's response
	covered int
	fields  int
}

// walk visits a schema at a path. above are the definitions that it is in.
func (w *walker) walk(s schema, path string, above []string) {
	if s.Ref != "" {
		name := filepath.Base(s.Ref)
		if slices.Contains(above, name) {
			return
		}
		definition, ok := w.ref.Definitions[name]
		if !ok {
			w.t.Errorf("%s: %s refers to %s, which is not defined", w.id, path, s.Ref)
		}
		w.walk(definition, path, append(slices.Clone(above), name))
		return
	}
	for _, part := range s.AllOf {
		w.walk(part, path, above)
	}
	if s.Items != nil {
		w.walk(*s.Items, path+"[]", above)
	}
	var more schema
	if s.AdditionalProperties.Kind == yaml.MappingNode && s.AdditionalProperties.Decode(&more) == nil {
		w.walk(more, strings.TrimPrefix(path+".{}", "."), above)
	}
	for name, property := range s.Properties {
		w.walk(property, strings.TrimPrefix(path+"."+name, "."), above)
	}
	if len(s.Properties) == 0 && s.Items == nil && len(s.AllOf) == 0 {
		w.check(path)
	}
}

// TestTypesAreCovered does the same for the types of Docker's own Go client: they have
// fields that the reference leaves out.
func TestTypesAreCovered(t *testing.T) {
	t.Parallel()
	for id, response := range map[string]any{
		"ContainerInspect": container.InspectResponse{}, "ContainerList": []container.Summary{}, "ContainerTop": container.TopResponse{},
		"ExecInspect": container.ExecInspectResponse{}, "ImageInspect": image.InspectResponse{}, "ImageList": []image.Summary{},
		"ImageHistory": []image.HistoryResponseItem{}, "ImageAttestations": []image.AttestationStatement{},
		"ServiceInspect": swarm.Service{}, "ServiceList": []swarm.Service{}, "TaskInspect": swarm.Task{}, "TaskList": []swarm.Task{},
		"PluginInspect": plugin.Plugin{}, "PluginList": []plugin.Plugin{}, "SystemDataUsage": system.DiskUsage{},
		"SystemEvents": events.Message{}, "SystemInfo": system.Info{}, "ContainerStats": container.StatsResponse{},
		"NodeInspect": swarm.Node{}, "SwarmInspect": swarm.Swarm{},
	} {
		w := walker{t: t, id: id, root: compile(fields, id, Env|Args)}
		w.walkType(reflect.TypeOf(response), "", nil)
		if w.fields == 0 || w.root != nil && w.covered == 0 {
			t.Errorf("%s: walked %d fields, of which %d are redacted", id, w.fields, w.covered)
		}
	}
}

// walkType visits a type at a path. above are the types that it is in.
func (w *walker) walkType(typ reflect.Type, path string, above []reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer:
		w.walkType(typ.Elem(), path, above)
	case reflect.Slice, reflect.Array:
		w.walkType(typ.Elem(), path+"[]", above)
	case reflect.Map:
		w.walkType(typ.Elem(), strings.TrimPrefix(path+".{}", "."), above)
	case reflect.Struct:
		if slices.Contains(above, typ) {
			return
		}
		for field := range typ.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			below := strings.TrimPrefix(path+"."+name, ".")
			switch {
			case name == "-" || !field.IsExported():
				continue
			case name == "" && field.Anonymous:
				below = path
			case name == "":
				below = strings.TrimPrefix(path+"."+field.Name, ".")
			}
			w.walkType(field.Type, below, append(slices.Clone(above), typ))
		}
	default:
		w.check(path)
	}
}

// check is about a field that has none below it.
func (w *walker) check(path string) {
	w.fields++
	n := w.root
	for _, key := range strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".") {
		switch {
		case n == nil, key == "":
		case n.rule == drop:
			w.covered++
			return
		case key == "[]":
			n = n.item
		default:
			n = n.field([]byte(key))
		}
	}
	if n != nil && n.rule != nil {
		w.covered++
		return
	}
	keys := strings.Split(strings.ReplaceAll(path, "[]", ""), ".")
	if !slices.ContainsFunc(keys, suspect.MatchString) {
		return
	}
	for _, h := range harmless {
		if matches(h.id, w.id) && matches(h.path, path) {
			return
		}
	}
	w.t.Errorf("%s: %s may hold an environment or a command line: redact it, or say in harmless why not", w.id, path)
}

// matches reports whether s matches a pattern in which * stands for any characters.
func matches(pattern, s string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	s, ok := strings.CutPrefix(s, first)
	if !ok || !wild {
		return ok && s == ""
	}
	for i := range len(s) + 1 {
		if matches(rest, s[i:]) {
			return true
		}
	}
	return false
}
