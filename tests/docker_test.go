package tests

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// engineSocket is where the real engine is.
const engineSocket = "/var/run/docker.sock"

// direct is the real engine without postern.
const direct = "unix://" + engineSocket

// dockerCommand is the docker command with settings that nobody's home
// directory changes. It has the test's lifetime.
func dockerCommand(t *testing.T, host string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "docker", append([]string{"-H", host}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + workDir,
		"DOCKER_BUILDKIT=0", // there need not be a buildx plugin
	}
	return cmd
}

// docker runs the docker command to its end.
func docker(t *testing.T, host string, args ...string) result {
	t.Helper()
	return finish(t, dockerCommand(t, host, args...))
}

// prepare runs the docker command on the engine's own socket and returns what
// it prints. It must succeed.
func prepare(t *testing.T, args ...string) string {
	t.Helper()
	r := docker(t, direct, args...)
	if r.status != 0 {
		t.Fatalf("docker %q: status %d\n%s%s", args, r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// unused is a name that no image, container, network or volume has. Whatever
// gets it in the engine is removed when the test is over.
func unused(t *testing.T) string {
	t.Helper()
	name := "postern-test-" + strings.ToLower(rand.Text())
	t.Cleanup(func() { remove(name) })
	return name
}

// remove removes all that has the name. What does not exist need not be.
func remove(name string) {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", engineSocket) },
	}}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/containers/%s?force=1&v=1", "/images/%s?force=1", "/networks/%s", "/volumes/%s"} {
		request, err := http.NewRequest("DELETE", "http://docker"+fmt.Sprintf(path, name), nil)
		if err != nil {
			panic(err)
		}
		if response, err := client.Do(request); err == nil {
			response.Body.Close()
		}
	}
}

// busybox is the name of an image with a shell and its usual commands, the
// same for all tests.
func busybox(t *testing.T) string {
	t.Helper()
	needDocker(t)
	if _, err := busyboxPath(); err != nil {
		missing(t, "static busybox", err)
	}
	name, err := busyboxImage()
	if err != nil {
		t.Fatalf("making an image of busybox: %v", err)
	}
	return name
}

var busyboxImage = sync.OnceValues(func() (string, error) {
	name := "postern-test-" + strings.ToLower(rand.Text()) + ":latest"
	deferToEnd(func() { remove(name) })
	files, err := busyboxFiles()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("docker", "-H", direct, "import", "--change", `CMD ["sh"]`, "-", name)
	cmd.Stdin = files
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return name, nil
})

// busyboxPath finds this machine's busybox.
var busyboxPath = sync.OnceValues(func() (string, error) {
	path, err := exec.LookPath("busybox")
	if err == nil {
		var f *elf.File
		if f, err = elf.Open(path); err == nil && f.Section(".interp") != nil {
			err = errors.New(path + " needs shared libraries")
		}
	}
	if err != nil {
		err = fmt.Errorf("%w: install Debian's busybox-static", err)
	}
	return path, err
})

// busyboxFiles is a tar archive of a root file system with busybox in it.
func busyboxFiles() (io.Reader, error) {
	path, err := busyboxPath()
	if err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	commands, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, dir := range []string{"bin/", "etc/", "tmp/"} {
		w.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755})
	}
	w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(binary))})
	w.Write(binary)
	for name := range strings.FieldsSeq(string(commands)) {
		if name != "busybox" {
			w.WriteHeader(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
		}
	}
	return &archive, w.Close()
}

// box starts a container that has printed "one" and "two" and goes on, with
// the files /data/text and /data/link.
func box(t *testing.T) string {
	t.Helper()
	name := unused(t)
	prepare(t, "run", "-d", "--name", name, "--hostname", "box", busybox(t), "sh", "-c",
		"mkdir /data && cd /data && seq 1 100000 >text && ln -s text link && echo one && echo two >&2; exec sleep 1000")
	await(t, "the output of "+name, func() bool {
		logs := docker(t, direct, "logs", name)
		return logs.stdout == "one\n" && logs.stderr == "two\n"
	})
	return name
}
