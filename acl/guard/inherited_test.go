package guard_test

import (
	"testing"

	"postern/acl/body"
	"postern/acl/guard"
)

// TestInherit asserts that an image's labels are judged as those of a request, unless
// the request says them itself.
func TestInherit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ settings, label, body, want, project string }{
		{"", "org.opencontainers.image.title", `{}`, "", ""},
		{"", "postern.client", `{}`, "", ""},
		{"", "traefik.enable", `{}`, "the image's label asks for traefik.enable: set GUARD_LABEL=traefik.enable", ""},
		{"GUARD_LABEL=traefik.*", "traefik.enable", `{}`, "", ""},
		{"", "traefik.enable", `{"Labels":{"traefik.enable":"x"}}`, "", ""}, // Judge has refused it
		{"", "com.docker.compose.project", `{"Labels":{"com.docker.compose.project":"ci"}}`, "", "ci"},
		{"", "com.docker.compose.project", `{"Labels":null}`, "", ""},
	} {
		g := guard.Guard{Settings: settings(t, test.settings), Client: "ci"}
		o, _, err := body.Read([]byte(test.body), body.ContainerCreate, body.Drop)
		if err != nil {
			t.Fatal(err)
		}
		if got := guard.Message(g.Inherit(map[string]string{test.label: "1"}, o)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.label, got, test.want)
		}
		const project = "com.docker.compose.project"
		if got := o.String("Labels", project); got != test.project {
			t.Errorf("%s: project %q, want %q", test.label, got, test.project)
		}
		if is := o.Get("Labels", project) != nil; is != (test.label == project) {
			t.Errorf("%s: whether the body has a project: %v", test.label, is)
		}
	}
}
