package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMountedHAProxyConfigIsAWarning asserts a warning for each configuration file that
// users of the replaced images mount.
func TestMountedHAProxyConfigIsAWarning(t *testing.T) {
	t.Parallel()
	if got := otherConfigs(t.TempDir()); len(got) > 0 {
		t.Errorf("warnings without a configuration: %q", got)
	}
	for _, file := range []string{"/usr/local/etc/haproxy/haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg.template", "/templates/haproxy.cfg"} {
		root := t.TempDir()
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		got := Config{}.warnings(nil, root)
		if len(got) != 1 || !strings.HasPrefix(got[0], file+" is not read: rules in it that are stricter than the toggles do not hold") {
			t.Errorf("with %s the warnings are %q, want one that names it", file, got)
		}
	}
}
