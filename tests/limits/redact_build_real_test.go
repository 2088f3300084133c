//go:build real

package limits

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// running matches what the classic builder says of the containers of its steps.
var running = regexp.MustCompile(`Running in ([0-9a-f]{12})`)

// TestBuildStepsUnderRedact asserts that neither an image nor what its build has left
// shows the values that the Dockerfile gives to variables: the classic builder notes its
// last step in the image, and a container for each step has it as its command.
func TestBuildStepsUnderRedact(t *testing.T) {
	t.Parallel()
	secret := "hunter2-" + strings.ToLower(rand.Text())
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket, "REDACT": "env"}))
	paths := []string{"/containers/json?all=1"}
	for _, step := range []string{"ENV SECRET=" + secret, "ARG SECRET=" + secret, "ONBUILD ENV SECRET=" + secret, "ARG TOKEN\nRUN echo $TOKEN"} {
		image, dir := harness.Unused(t), t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+harness.Busybox(t)+"\n"+step+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		built := harness.MustDocker(t, "build", "--no-cache", "--rm=false", "--build-arg", "TOKEN="+secret, "-t", image, dir)
		paths = append(paths, "/images/"+image+"/json", "/v1.24/images/"+image+"/json")
		for _, match := range running.FindAllStringSubmatch(built, -1) {
			t.Cleanup(func() { harness.Remove("/containers/" + match[1]) })
			paths = append(paths, "/containers/"+match[1]+"/json")
		}
	}
	shown := 0
	for _, path := range paths {
		if r := p.Get(path); r.Status != 200 || strings.Contains(r.Body, secret) {
			t.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
		if strings.Contains(harness.EngineEndpoint.Get(t, path).Body, secret) {
			shown++
		}
	}
	if shown < 10 {
		t.Errorf("%d of %d responses show the secret without postern", shown, len(paths))
	}
}
