// Command testcontainers runs a container through testcontainers-go, as a test of a
// user's does: it starts, execs, reads the log and removes it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("works")
}

func run(ctx context.Context, image, name string) (err error) {
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithName(name),
		testcontainers.WithEnv(map[string]string{"PASSWORD": os.Getenv("PASSWORD")}),
		testcontainers.WithCmd("sh", "-c", "echo ready; exec sleep 1000"),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader("hello"), ContainerFilePath: "/greeting", FileMode: 0o644}),
		testcontainers.WithWaitStrategy(wait.ForLog("ready")))
	defer func() {
		if e := testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0)); err == nil {
			err = e
		}
	}()
	if err != nil {
		return err
	}
	status, out, err := c.Exec(ctx, []string{"cat", "/greeting"})
	if err != nil {
		return err
	}
	text, err := io.ReadAll(out)
	if err != nil || status != 0 || !strings.HasSuffix(string(text), "hello") {
		return fmt.Errorf("exec: status %d, %q, %v", status, text, err)
	}
	return nil
}
