//go:build real

package programs

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// useDozzle asks the backend as its pages do: for the containers, their statistics and a log.
func useDozzle(t *testing.T, program, host string) {
	name, port := labelled(t), freePort(t)
	ca := harness.NewCA(t, "dozzle")
	certs := ca.Files(ca.Server())
	cmd := command(t, host, program, "--addr", "127.0.0.1:"+port, "--no-analytics", "--cert", filepath.Join(certs, "cert.pem"), "--key", filepath.Join(certs, "key.pem"))
	launched(t, cmd)
	url := "http://127.0.0.1:" + port
	harness.Await(t, "dozzle", func() bool { return get(url+"/api/version") != "" })
	events := streamed(t, url+"/api/events/stream")
	var found []string
	list := regexp.MustCompile(`"id":"([^"]*)","name":"` + name + `".*?"host":"([^"]*)"`)
	harness.Await(t, "container in dozzle", func() bool { found = list.FindStringSubmatch(events.String()); return found != nil })
	id := found[1]
	harness.Await(t, "statistics of the container", func() bool {
		return regexp.MustCompile(`event: container-stat\ndata: {"id":"` + id).MatchString(events.String())
	})
	levels := strings.Join(strings.Fields("fatal error warn info debug trace unknown"), "&levels=")
	log := streamed(t, url+"/api/hosts/"+found[2]+"/containers/"+id+"/logs/stream?stdout=1&stderr=1&levels="+levels)
	harness.Await(t, "log of the container", func() bool { return strings.Contains(log.String(), "ready") })
	second := labelled(t)
	harness.Await(t, "new container in dozzle", func() bool { return strings.Contains(events.String(), `"name":"`+second+`"`) })
}

// streamed is what a response has sent so far. It ends with the test.
func streamed(t *testing.T, url string) *harness.Output {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out harness.Output
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		defer response.Body.Close()
		io.Copy(&out, response.Body)
	}()
	return &out
}
