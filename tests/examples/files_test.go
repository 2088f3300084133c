package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

// service is what the tests read of a service in a compose file.
type service struct {
	Image       string
	Environment map[string]string
	Volumes     []string
	Ports       []string
	Networks    []string
	NetworkMode string   `yaml:"network_mode"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	Deploy      struct{ Mode string }
}

// composeFile is a compose file of examples/, or a stack file.
type composeFile struct {
	Services map[string]service
	Networks map[string]struct{ Internal bool }
}

// path is the path of a file in the example's folder.
func (e example) path(name string) string {
	return harness.File(filepath.Join("examples", e.folder, name))
}

func (e example) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(e.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compose decodes the example's compose file.
func (e example) compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(e.read(t, e.file)), &c); err != nil {
		t.Fatalf("examples/%s/%s: %v", e.folder, e.file, err)
	}
	return c
}

// isCompose reports whether the example's file is for compose or a stack, and not
// for systemd.
func (e example) isCompose() bool { return strings.HasSuffix(e.file, ".yml") }

// settings is the environment of the example's postern.
func (e example) settings(t *testing.T) map[string]string {
	t.Helper()
	if e.isCompose() {
		return e.compose(t).Services["postern"].Environment
	}
	all := map[string]string{}
	for _, line := range unit(e.read(t, e.file))["Environment"] {
		name, value, _ := strings.Cut(line, "=")
		all[name] = value
	}
	return all
}

// unit is the values of each key in a unit of systemd or a quadlet, of all its
// sections.
func unit(text string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(text) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(key, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

func requests(list string) []harness.Request {
	var all []harness.Request
	for request := range strings.SplitSeq(list, ", ") {
		method, target, _ := strings.Cut(request, " ")
		all = append(all, harness.Request{Method: method, Target: target})
	}
	return all
}
