package spelling_test

import (
	"testing"

	"postern/acl/spelling"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"CONTAINERS", "POST", "ALLOW_RESTARTS", "NODES", "INFO"}
	for name, want := range map[string]string{
		"CONTAINER": "CONTAINERS", "CONTIANERS": "CONTAINERS", "ALLOW_RESTART": "ALLOW_RESTARTS", "NODE": "NODES",
		"POSTS": "POST", "INFOS": "INFO", "HOST": "", "PATH": "", "HOME": "", "": "", "CONTENT": "",
	} {
		if got := spelling.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
