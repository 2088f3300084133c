package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/acl"
	"postern/acl/guard"
	"postern/proxy/config"
)

// mistakes are settings that the pages show as wrong: postern stops or warns.
var mistakes = []string{"CONTAINERS=ture", "CONTAINER=1", "ALLOW_RESTART=1", "DELETE=0", "PORT=2376", "SCOPES=mine", "CLIENT_CI_SCOP=mine", "CI_SCOPE=mine"}

var (
	setting = regexp.MustCompile(`(?:^|[\s,;(])([A-Z][A-Z0-9_]*)=(\S*)`)
	// Settings of programs from which people come, and of clients.
	foreign = regexp.MustCompile(`^(SP|SOCKGUARD|CETUSGUARD|DOCKER|TESTCONTAINERS|FF)_|^PICTURES$`)
	// A setting of a guard, with the prefix of a client or without.
	ofGuard = regexp.MustCompile(`^((?:CLIENT_[A-Z0-9]+_)?GUARD)_`)
)

// TestSettingsAreAccepted asserts that postern knows every NAME=value and every
// environment on the pages, and accepts it without a warning.
func TestSettingsAreAccepted(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, p := range readPages(t) {
		for _, line := range p.prose {
			for _, code := range inlineCode.FindAllStringSubmatch(line, -1) {
				for _, m := range setting.FindAllStringSubmatch(code[1], -1) {
					if foreign.MatchString(m[1]) || strings.Contains(code[1], "--build-arg") {
						continue
					}
					checked++
					checkSetting(t, p.name, m[1], m[2])
				}
			}
		}
		for _, b := range p.blocks {
			for _, environ := range environments(t, p, b) {
				checked++
				for _, problem := range problems(t, environ) {
					t.Errorf("%s:%d: %s", p.name, b.line, problem)
				}
			}
		}
	}
	if checked < 80 {
		t.Errorf("%d settings were found, want more", checked)
	}
}

// checkSetting looks at one setting in a sentence. What it may have no effect
// without is not there, so that only a name or a value can be wrong.
func checkSetting(t *testing.T, page, name, value string) {
	t.Helper()
	environ := map[string]string{name: value}
	if m := regexp.MustCompile(`^(CLIENT_[A-Z0-9]+_)(.*)$`).FindStringSubmatch(name); m != nil && !slices.Contains([]string{"FROM", "LISTEN", "CERT"}, m[2]) {
		environ[m[1]+"FROM"] = "10.0.0.5"
	}
	if m := ofGuard.FindStringSubmatch(name); m != nil {
		environ[m[1]] = "1"
	}
	found := slices.DeleteFunc(problems(t, environ), func(s string) bool { return strings.Contains(s, " nothing") })
	if wrong := slices.Contains(mistakes, name+"="+value); wrong != (len(found) > 0) {
		t.Errorf("%s: %s=%s: wrong is %v, found %q", page, name, value, wrong, found)
	}
}

// problems are what postern says of an environment: errors, warnings, and names
// that it does not know.
func problems(t *testing.T, environ map[string]string) (found []string) {
	t.Helper()
	known := map[string]bool{}
	for _, name := range acl.RuleVars() {
		known[name] = true
	}
	for _, s := range config.Settings() {
		known[s.Var] = true
	}
	for _, v := range guard.Variables {
		known[v.Name] = true
		known[v.Name+"_FILE"] = v.IsList
	}
	given := map[string]string{}
	for name, value := range environ {
		if !known[name] && !regexp.MustCompile(`^CLIENT_[A-Z0-9]+_`).MatchString(name) {
			found = append(found, fmt.Sprintf("%s is no variable of postern", name))
		}
		if strings.HasSuffix(name, "_FILE") { // which is not on this machine
			value = filepath.Join(t.TempDir(), "patterns")
			if err := os.WriteFile(value, []byte("ContainerList\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		given[name] = value
	}
	c, errs := config.Parse(given)
	for _, err := range errs {
		found = append(found, err.Error())
	}
	return append(found, c.Warnings...)
}

// environments are the settings for postern that a block of YAML has: of a service
// in a compose file, or of "environment:" alone.
func environments(t *testing.T, p page, b block) (all []map[string]string) {
	t.Helper()
	if b.language != "yaml" {
		return nil
	}
	var file struct {
		Environment any
		Services    map[string]struct {
			Image       string
			Environment any
		}
	}
	if err := yaml.Unmarshal([]byte(b.text()), &file); err != nil {
		t.Errorf("%s:%d: %v", p.name, b.line, err)
		return nil
	}
	if file.Environment != nil {
		all = append(all, environment(file.Environment))
	}
	for name, service := range file.Services {
		if service.Environment != nil && (name == "postern" || strings.HasPrefix(service.Image, "postern")) {
			all = append(all, environment(service.Environment))
		}
	}
	return all
}

// environment reads the two forms that compose has: a map, and a list of NAME=value.
func environment(written any) map[string]string {
	environ := map[string]string{}
	switch written := written.(type) {
	case map[string]any:
		for name, value := range written {
			environ[name] = fmt.Sprint(value)
		}
	case []any:
		for _, item := range written {
			name, value, _ := strings.Cut(fmt.Sprint(item), "=")
			environ[name] = value
		}
	}
	return environ
}

// TestForeignSettingsAreRecognised asserts that each setting of another program that
// the page on migrating names gets a warning at start.
func TestForeignSettingsAreRecognised(t *testing.T) {
	t.Parallel()
	checked := map[string]bool{}
	for _, p := range readPages(t) {
		for _, line := range p.prose {
			for _, name := range regexp.MustCompile("`((?:SP|SOCKGUARD|CETUSGUARD)_[A-Z_0-9]+)").FindAllStringSubmatch(line, -1) {
				if checked[name[1]] {
					continue
				}
				checked[name[1]] = true
				c, _ := config.Parse(map[string]string{name[1]: "1"})
				if len(c.Warnings) == 0 {
					t.Errorf("%s names %s, of which postern does not warn", p.name, name[1])
				}
			}
		}
	}
	if len(checked) < 10 {
		t.Errorf("the pages name %d settings of other programs, want more", len(checked))
	}
}
