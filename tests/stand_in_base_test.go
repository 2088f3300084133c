package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const standInBase = "../.ci/stand-in-base"

// TestStandInBaseSaysWhatIsMissing runs the script where the commands it needs
// are not installed and no registry answers.
func TestStandInBaseSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	const (
		noEngine = "#!/bin/sh\necho Cannot connect >&2; exit 1\n"
		noImages = "#!/bin/sh\n[ \"$1\" = version ]\n"
		linuxGo  = "#!/bin/sh\necho linux\n"
		otherGo  = "#!/bin/sh\necho plan9\n"
	)
	for _, tt := range []struct {
		name     string
		commands map[string]string
		want     string
	}{
		{"docker", nil, "docker is missing"},
		{"engine", map[string]string{"docker": noEngine}, "no Docker Engine answers: Cannot connect"},
		{"go", map[string]string{"docker": noImages}, "go is missing"},
		{"go for Linux", map[string]string{"docker": noImages, "go": otherGo}, "only be made on Linux"},
		{"busybox", map[string]string{"docker": noImages, "go": linuxGo}, "busybox is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			for name, script := range tt.commands {
				if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{"dirname", "sed", "tail"} {
				path, err := exec.LookPath(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, standInBase)
			cmd.Env = []string{"PATH=" + bin}
			r := finish(t, cmd)
			if r.status != 1 || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("status %d, want 1; stderr %q, want %q in it", r.status, r.stderr, tt.want)
			}
		})
	}
}

// TestStandInBaseTwice asserts that the script leaves an image alone that is
// there and up to date.
func TestStandInBaseTwice(t *testing.T) {
	t.Parallel()
	needBaseImage(t)
	out, err := onEngine(buildPatience, "bash", ".ci/stand-in-base")
	if err != nil || out != "" {
		t.Errorf("the second run: %v; it prints %q, want nothing", err, out)
	}
}
