package acl

import (
	"net/url"
	"testing"
)

func TestDecisionNamesTheObject(t *testing.T) {
	t.Parallel()
	p := Compile(Rules{Learn: true})
	for _, test := range []struct{ method, path, id, name, renamed string }{
		{"GET", "/containers/web/json", "ContainerInspect", "web", "/containers/X/json"},
		{"GET", "/v1.41/containers/web/json", "ContainerInspect", "web", "/v1.41/containers/X/json"},
		{"GET", "/containers/a/json/json", "ContainerInspect", "a/json", "/containers/X/json"},
		{"GET", "/containers//json", "", "", ""},
		{"DELETE", "/v1.41/containers/parent/alias", "ContainerDelete", "parent/alias", "/v1.41/containers/X"},
		{"GET", "/containers/json", "ContainerList", "", ""},
		{"POST", "/exec/abc/start", "ExecStart", "abc", "/exec/X/start"},
		{"GET", "/networks/n", "NetworkInspect", "n", "/networks/X"},
		{"GET", "/images/ghcr.io/a/b:1/json", "ImageInspect", "ghcr.io/a/b:1", "/images/X/json"},
		{"DELETE", "/containers/web/checkpoints/c1", "CheckpointDelete", "web", "/containers/X/checkpoints/c1"},
		{"GET", "/services/s/logs", "ServiceLogs", "s", "/services/X/logs"},
		{"GET", "/services/s", "ServiceInspect", "s", "/services/X"},
		{"GET", "/unknown", "", "", ""},
	} {
		d := p.Decide(test.method, &url.URL{Path: test.path})
		if d.OperationID() != test.id || d.Name() != test.name {
			t.Errorf("%s %s is %s of %q, want %s of %q", test.method, test.path, d.OperationID(), d.Name(), test.id, test.name)
		}
		if test.renamed != "" && d.Target("X") != test.renamed {
			t.Errorf("%s %s about X is %s, want %s", test.method, test.path, d.Target("X"), test.renamed)
		}
	}
}
