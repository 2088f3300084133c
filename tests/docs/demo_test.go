package docs

import (
	"bufio"
	"context"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestDemoWorksAsDescribed runs the demo as docs/running.md says and does what it says
// to try.
func TestDemoWorksAsDescribed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // it builds postern
	defer cancel()
	demo := exec.CommandContext(ctx, "go", "run", "./tests/demo")
	demo.Dir = harness.Root()
	demo.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Control-C is for all of it
	interrupt := func() error { return syscall.Kill(-demo.Process.Pid, syscall.SIGINT) }
	demo.Cancel = interrupt
	stdout, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	demo.Stderr = &stderr
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	curl := regexp.MustCompile(`curl (?:-X (\S+) |-N )?'?(http://[^' ]+)`)
	var tries [][]string
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Control-C") {
		if m := curl.FindStringSubmatch(lines.Text()); m != nil {
			tries = append(tries, m)
		}
	}
	if len(tries) != 3 {
		t.Errorf("the demo says %q to try, want three requests\n%s", tries, stderr.String())
	}
	for i, m := range tries {
		request, err := http.NewRequestWithContext(ctx, m[1], m[2], nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body := bufio.NewReader(response.Body)
		// The third goes on until it is cut off.
		for range []int{1, 1, 3}[i] {
			line, _ := body.ReadString('\n')
			if want := []string{`"Names":`, "is not allowed: set ALLOW_STOP=1", "line "}[i]; !strings.Contains(line, want) {
				t.Errorf("%s: %q, want %q", m[0], line, want)
			}
		}
		response.Body.Close()
	}
	if err := interrupt(); err != nil {
		t.Error(err)
	}
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	demo.Wait() // go run's status after Control-C is its own
	if !strings.Contains(last, `"message":"stopped"`) || stderr.Len() > 0 {
		t.Errorf("after Control-C the demo said %q and on stderr %q, want postern's last line", last, stderr.String())
	}
}
