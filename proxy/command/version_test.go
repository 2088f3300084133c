package command

import (
	"runtime/debug"
	"testing"
)

func TestVersionOfABuild(t *testing.T) {
	t.Parallel()
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}
	modified := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for _, tt := range []struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", nil, "v1.2.3"},
		{"v1.2.3", []debug.BuildSetting{revision, clean}, "v1.2.3"},
		{"v1.2.4-0.20260102030405-0123456789ab+dirty", []debug.BuildSetting{revision, modified}, "v1.2.4-0.20260102030405-0123456789ab+dirty"},
		{"(devel)", []debug.BuildSetting{revision, clean}, "0123456789ab"},
		{"(devel)", []debug.BuildSetting{revision, modified}, "0123456789ab+dirty"},
		{"(devel)", nil, "dev"},
		{"", nil, "dev"},
	} {
		info := debug.BuildInfo{Main: debug.Module{Version: tt.module}, Settings: tt.settings}
		if got := buildVersion(&info); got != tt.want {
			t.Errorf("module version %q, settings %v: got %q, want %q", tt.module, tt.settings, got, tt.want)
		}
	}
}

// TestStampedVersionWins asserts that what a build stamps is the version, whatever
// else is known.
func TestStampedVersionWins(t *testing.T) {
	t.Parallel()
	if got := Version("1.2.3"); got != "1.2.3" {
		t.Errorf("stamped 1.2.3: got %q", got)
	}
	// The test's program has neither a version nor a commit.
	if got := Version(NoVersion); got != NoVersion {
		t.Errorf("nothing stamped, nothing known: got %q, want %q", got, NoVersion)
	}
}
