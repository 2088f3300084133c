// Command testcontainers runs containers through testcontainers-go, as tests of a user's
// do: one that serves on a port of the host, with files in it, and one that is built from
// a Dockerfile and asks the first over a network. It removes them, unless its last
// argument is leave: then Ryuk has to.
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

func main() {
	leave := len(os.Args) > 3 && os.Args[3] == "leave"
	if err := run(context.Background(), os.Args[1], os.Args[2], leave); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("works")
}

func run(ctx context.Context, image, name string, leave bool) (err error) {
	// remove calls what removes something when the run is over.
	remove := func(f func() error) {
		if !leave || err != nil {
			err = errors.Join(err, f())
		}
	}
	n, err := network.New(ctx)
	if err != nil {
		return err
	}
	defer remove(func() error { return n.Remove(ctx) })

	server, err := testcontainers.Run(ctx, image,
		testcontainers.WithName(name),
		testcontainers.WithEnv(map[string]string{"PASSWORD": os.Getenv("PASSWORD")}),
		testcontainers.WithCmd("sh", "-c", "echo ready; exec httpd -f -p 8080 -h /www"),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader("hello"), ContainerFilePath: "/www/greeting", FileMode: 0o644}),
		testcontainers.WithMounts(testcontainers.VolumeMount(name, "/data")),
		testcontainers.WithTmpfs(map[string]string{"/scratch": "rw"}),
		testcontainers.WithExposedPorts("8080/tcp"),
		network.WithNetwork([]string{"server"}, n),
		testcontainers.WithWaitStrategy(wait.ForLog("ready"), wait.ForListeningPort("8080/tcp"), wait.ForHTTP("/greeting").WithPort("8080/tcp")))
	defer remove(func() error {
		return testcontainers.TerminateContainer(server, testcontainers.StopTimeout(0), testcontainers.RemoveVolumes(name))
	})
	if err != nil {
		return err
	}
	if err := use(ctx, server); err != nil {
		return err
	}

	client, err := testcontainers.Run(ctx, "",
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{ContextArchive: contextOf("FROM " + image + "\nCMD wget -q -O - http://server:8080/copied\n")}),
		network.WithNetwork(nil, n),
		testcontainers.WithWaitStrategy(wait.ForExit()))
	defer remove(func() error { return testcontainers.TerminateContainer(client, testcontainers.StopTimeout(0)) })
	if err != nil {
		return err
	}
	logs, err := client.Logs(ctx)
	if err != nil {
		return err
	}
	defer logs.Close()
	return expect("the log of the built image", logs, "copied")
}

// use copies into and out of a container that serves /www, and execs in it.
func use(ctx context.Context, c *testcontainers.DockerContainer) error {
	if err := c.CopyToContainer(ctx, []byte("copied"), "/www/copied", 0o644); err != nil {
		return err
	}
	file, err := c.CopyFileFromContainer(ctx, "/www/copied")
	if err != nil {
		return err
	}
	defer file.Close()
	if err := expect("the copied file", file, "copied"); err != nil {
		return err
	}
	status, out, err := c.Exec(ctx, []string{"cat", "/www/greeting"})
	if err != nil || status != 0 {
		return fmt.Errorf("exec: status %d, %w", status, err)
	}
	if err := expect("exec", out, "hello"); err != nil {
		return err
	}
	url, err := c.PortEndpoint(ctx, "8080/tcp", "http")
	if err != nil {
		return err
	}
	response, err := http.Get(url + "/copied")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return expect("the port", response.Body, "copied")
}

// expect reads to the end, which has to be as wanted.
func expect(what string, r io.Reader, end string) error {
	text, err := io.ReadAll(r)
	if err != nil || !strings.HasSuffix(string(text), end) {
		return fmt.Errorf("%s: %q, %w", what, text, err)
	}
	return nil
}

// contextOf is the context of a build that has a Dockerfile alone.
func contextOf(dockerfile string) io.ReadSeeker {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))})
	io.WriteString(w, dockerfile)
	w.Close()
	return bytes.NewReader(archive.Bytes())
}
