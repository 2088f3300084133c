package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/tests/internal/harness"
)

var (
	actionLine = regexp.MustCompile(`(?m)^\s*(?:- )?uses: (.*)$`)
	// A tag can be moved to other code, a commit cannot.
	pinned     = regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	goImage    = regexp.MustCompile(`golang:(\d+\.\d+)-`)
	permission = regexp.MustCompile(`^(?:read|none)$`)
)

// TestWorkflowsArePinnedAndReadOnly asserts that workflows name actions by their
// commits, may only read unless a job says otherwise, and use the Dockerfile's Go.
func TestWorkflowsArePinnedAndReadOnly(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(harness.File(".github/workflows/*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	dockerfile, err := os.ReadFile(harness.File("Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	version := goImage.FindSubmatch(dockerfile)
	if version == nil {
		t.Fatal("the Dockerfile names no image of Go")
	}
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range actionLine.FindAllStringSubmatch(string(text), -1) {
			if !pinned.MatchString(m[1]) && !strings.HasPrefix(m[1], "./") {
				t.Errorf("%s uses %s, want OWNER/NAME@COMMIT # VERSION", name, m[1])
			}
		}
		for _, m := range goImage.FindAllSubmatch(text, -1) {
			if string(m[1]) != string(version[1]) {
				t.Errorf("%s uses Go %s, the Dockerfile %s", name, m[1], version[1])
			}
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Steps []struct {
					Uses string
					With map[string]string
				}
			}
		}
		if err := yaml.Unmarshal(text, &workflow); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(workflow.Permissions) == 0 {
			t.Errorf("%s sets no permissions for its jobs", name)
		}
		for what, p := range workflow.Permissions {
			if !permission.MatchString(p) {
				t.Errorf("%s: every job may %s %s, want read or none", name, p, what)
			}
		}
		for job, j := range workflow.Jobs {
			for _, step := range j.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != "false" {
					t.Errorf("%s: job %s leaves its token in the checkout", name, job)
				}
			}
		}
	}
}

// TestReleaseChecksHealthAtOnce asserts that the release finds the line of the
// Dockerfile to which it adds a flag.
func TestReleaseChecksHealthAtOnce(t *testing.T) {
	t.Parallel()
	for file, line := range map[string]string{
		"Dockerfile":                    "\nHEALTHCHECK --interval=",
		".github/workflows/release.yml": "sed -i 's/^HEALTHCHECK /&--start-interval=1s /' Dockerfile\n",
	} {
		text, err := os.ReadFile(harness.File(file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), line); n != 1 {
			t.Errorf("%s has %q %d times, want once", file, line, n)
		}
	}
}

// TestReleaseNames asserts under which names a release is pushed.
func TestReleaseNames(t *testing.T) {
	t.Parallel()
	const image = "ghcr.io/some-body/postern"
	for _, tt := range []struct{ tag, want string }{
		{"v0.1.0", "0.1.0 0.1 latest"},
		{"v1.12.3", "1.12.3 1.12 1 latest"},
		{"v1.2.3-rc.1", "1.2.3-rc.1"},
		{"v1.2", ""}, {"1.2.3", ""}, {"v01.2.3", ""}, {"v1.2.3 4", ""},
	} {
		r := harness.Finish(t, exec.Command(harness.File(".ci/release-names"), "Some-Body/Postern", tt.tag))
		got := strings.ReplaceAll(strings.Join(strings.Fields(r.Stdout), " "), image+":", "")
		if got != tt.want || (r.Status == 0) != (tt.want != "") {
			t.Errorf("release-names %s: %v, want %q", tt.tag, r, tt.want)
		}
	}
	if r := harness.Finish(t, exec.Command(harness.File(".ci/release-names"), "Some-Body/Postern")); r.Stdout != image+"\n" {
		t.Errorf("release-names without a tag: %v, want %s", r, image)
	}
}

// TestReleaseNotes asserts that a release has notes, and none without them.
func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"v0.1.0", "v0.1.0-rc.1"} {
		r := harness.Finish(t, exec.Command(harness.File(".ci/release-notes"), tag))
		if n := strings.Count(r.Stdout, "\n- "); r.Status != 0 || n < 5 || strings.Contains(r.Stdout, "\n## ") {
			t.Errorf("release-notes %s has %d points: %v", tag, n, r)
		}
	}
	if r := harness.Finish(t, exec.Command(harness.File(".ci/release-notes"), "v0.0.9")); r.Status != 1 || r.Stderr == "" || r.Stdout != "" {
		t.Errorf("release-notes v0.0.9: %v, want status 1", r)
	}
}
