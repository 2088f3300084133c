//go:build real

package harness

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Busybox is the name of an image with a shell and its usual commands. All tests
// of a package share it. Its label is on every image and container that is made
// from it.
func Busybox(t *testing.T) string {
	t.Helper()
	NeedDocker(t)
	NeedBusybox(t)
	name, err := busyboxImage()
	if err != nil {
		t.Fatalf("making an image of busybox: %v", err)
	}
	return name
}

var busyboxImage = sync.OnceValues(func() (string, error) {
	name := RunName + "-busybox:latest"
	files, err := BusyboxFiles()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("docker", "-H", EngineHost, "import", "--change", `CMD ["sh"]`, "--change", "LABEL "+Label+"="+RunName, "-", name)
	cmd.Stdin = files
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return name, nil
})

// NeedBusybox returns the path of this machine's busybox, which must run in a
// container that has nothing else.
func NeedBusybox(t testing.TB) string {
	t.Helper()
	path, err := busyboxPath()
	if err != nil {
		Missing(t, "static busybox", err, "apt-get install busybox-static")
	}
	return path
}

var busyboxPath = sync.OnceValues(func() (string, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if f.Section(".interp") != nil {
		return "", errors.New(path + " needs shared libraries")
	}
	return path, nil
})

// BusyboxFiles is a tar archive of a root file system with busybox in it.
func BusyboxFiles() (io.Reader, error) {
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

// Box starts a container that has printed "one" and "two" and goes on, with
// the files /data/text and /data/link.
func Box(t *testing.T) string {
	t.Helper()
	name := Unused(t)
	MustDocker(t, "run", "-d", "--name", name, "--hostname", "box", Busybox(t), "sh", "-c",
		"mkdir /data && cd /data && seq 1 100000 >text && ln -s text link && echo one && echo two >&2; exec sleep 1000")
	Await(t, "the output of "+name, func() bool {
		logs := Docker(t, EngineHost, "logs", name)
		return logs.Stdout == "one\n" && logs.Stderr == "two\n"
	})
	return name
}
