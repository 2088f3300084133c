//go:build real

package limits

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestTopShowsNoOtherProcesses asserts that no arguments of ps show a process outside the
// container: the engine takes whatever is in a column called PID for a process's id.
func TestTopShowsNoOtherProcesses(t *testing.T) {
	t.Parallel()
	image, web := harness.Busybox(t), harness.Unused(t)
	harness.MustDocker(t, "run", "-d", "--name", web, image, "sleep", "1000")
	pid := strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{.State.Pid}}", web))
	// Its user's id is the id of web's process.
	harness.MustDocker(t, "run", "-d", "--name", harness.Unused(t), "--user", pid, image, "sh", "-c", "sleep 1000; echo hunter2")
	hosts := through(t, []string{"scoped", "named"}, "CLIENT_SCOPED_SCOPE=name="+web, "CLIENT_NAMED_CONTAINERS=0", "CLIENT_NAMED_POST=0", "CLIENT_NAMED_ALLOW=ContainerTop:"+web)
	top := func(e harness.Endpoint, args string) harness.Response {
		return e.Get(t, fmt.Sprintf("/containers/%s/top?ps_args=%s", web, url.QueryEscape(args)))
	}
	if r := top(harness.EngineEndpoint, "-eouid=PID,args f"); !strings.Contains(r.Body, "hunter2") {
		t.Errorf("without postern: %d %s", r.Status, r.Body)
	}
	for name, e := range hosts {
		for _, args := range []string{"-eouid=PID,args f", "-eHouid=PID,args", "-eouid=PID,args --forest", "-eouid=PID,args\tf", "-eo\nuid=PID,args f", "-eo args,pid f", "-eoargs -o pid f", "-eoO", "-Cps"} {
			if r := top(e, args); r.Status != 403 || strings.Contains(r.Body, "hunter2") {
				t.Errorf("%s: top %q: %d %s", name, args, r.Status, r.Body)
			}
		}
		for _, args := range []string{"", "-ef", "aux", "-eF", "auxf", "-eH", "-efww", "-eo pid,ppid,%cpu,args", "-o pid,comm", "-e -o pid,args", "axo pid,args", "-eopid,args", "-A"} {
			if r := top(e, args); r.Status != 200 || !strings.Contains(r.Body, `"`+pid+`"`) || strings.Contains(r.Body, "hunter2") {
				t.Errorf("%s: top %q: %d %s", name, args, r.Status, r.Body)
			}
		}
		if r := e.Get(t, "/containers/"+web+"/top?ps_args=-ef&ps_args=-eouid=PID,args"); r.Status != 403 {
			t.Errorf("%s: top with arguments twice: %d %s", name, r.Status, r.Body)
		}
	}
}
