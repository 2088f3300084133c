//go:build real

package limits

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestFormInABuild asserts that a build cannot join a hidden container by a form in its
// body. The engine looks for a build's parameters there too, behind what it has read ahead
// of the archive.
func TestFormInABuild(t *testing.T) {
	t.Parallel()
	client := newName("ann")
	e := through(t, []string{client}, "SCOPE=mine")[client]
	image, hidden := harness.Busybox(t), harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", hidden, image, "sleep", "1000")
	var text bytes.Buffer
	archive, dockerfile := tar.NewWriter(&text), "FROM "+image+"\nRUN hostname\n"
	archive.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))})
	fmt.Fprint(archive, dockerfile)
	archive.Close()
	text.WriteString(strings.Repeat(strings.Repeat("x", 99)+"\n", 100))
	fmt.Fprintf(&text, "--b\r\nContent-Disposition: form-data; name=\"networkmode\"\r\n\r\ncontainer:%s\r\n--b--\r\n", hidden)
	build := func(e harness.Endpoint) harness.Response {
		tag := harness.Unused(t)
		return harness.Send(t, e.Dial(t), harness.Head("POST", "/build?nocache=1&t="+tag, "Content-Type: multipart/form-data; boundary=b", fmt.Sprint("Content-Length: ", text.Len()))+text.String())
	}
	if r := build(harness.EngineEndpoint); !strings.Contains(r.Body, idOf(t, hidden)[:12]) {
		t.Errorf("without postern the build is not in the container's network: %d %s", r.Status, r.Body)
	}
	if r := build(e); r.Status != 403 || !strings.Contains(r.Message(), "its body is a form") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
