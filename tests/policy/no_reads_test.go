package policy

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestGETsThatActNeedPOST sends the GETs that act, read the host's files or hand
// out a key: with POST=0 none reaches the engine, also by HEAD, and the refusal
// says why a GET needs POST.
func TestGETsThatActNeedPOST(t *testing.T) {
	t.Parallel()
	socket := harness.MarkingEngine(t)
	sections := map[string]string{"SOCKET_PATH": socket}
	for name := range strings.FieldsSeq("CONTAINERS SECRETS SWARM LIBPOD_CONTAINERS LIBPOD_QUADLETS LIBPOD_SECRETS LIBPOD_VOLUMES") {
		sections[name] = "1"
	}
	reading := harness.Start(t, sections)
	writing := harness.Start(t, harness.With(sections, map[string]string{"POST": "1"}))
	exporting := harness.Start(t, harness.With(sections, map[string]string{"ALLOW_EXPORT": "1"}))
	forwarded := func(p *harness.Postern, method, target string) (bool, string) {
		a := harness.Send(t, p.Dial(), harness.Head(method, target, "Connection: close"))
		return a.Header.Get("Forwarded-Target") != "", string(a.Body)
	}
	for _, test := range []struct{ target, why string }{
		{"/v1.41/containers/web/checkpoints?dir=/root", "it lists any directory of the host; set POST=1, or ALLOW=CheckpointList"},
		{"/containers/web/checkpoints", "it lists any directory of the host"},
		{"/swarm/unlockkey", "it hands out the key"},
		{"/v4.0.0/libpod/containers/web/healthcheck", "it runs the health check's command in the container and may kill or restart it; set POST=1, or ALLOW=ContainerHealthcheckLibpod"},
		{"/libpod/containers/a/b/healthcheck", "it runs the health check's command"},
		{"/v5.0.0/libpod/containers/web/%68ealthcheck", "it runs the health check's command"},
		{"/v5.0.0/libpod/containers/web%2fhealthcheck", "it runs the health check's command"},
		{"/v5.0.0/libpod/containers/web/top?ps_args=eww", "it may run the container's own ps"},
		{"/v5.0.0/libpod/quadlets/json", "it lists the unit files of the host"},
		{"/v5.0.0/libpod/quadlets/web.container/file", "it reads a unit file of the host"},
		{"/v5.0.0/libpod/quadlets/web.container/exists", "it looks for a unit file"},
		{"/v5.0.0/libpod/secrets/web/json?showsecret=true", "it hands out the secret's content"},
		{"/v5.0.0/libpod/volumes/web/export", "set ALLOW_EXPORT=1, or ALLOW=VolumeExportLibpod"},
	} {
		got, body := forwarded(reading, "GET", test.target)
		if got || !strings.Contains(body, test.why) {
			t.Errorf("GET %s with POST=0: forwarded is %v, want a refusal with %q\n%s", test.target, got, test.why, body)
		}
		if got, body := forwarded(writing, "GET", test.target); !got {
			t.Errorf("GET %s with POST=1: not forwarded\n%s", test.target, body)
		}
		if strings.HasSuffix(test.target, "/export") {
			if got, body := forwarded(exporting, "GET", test.target); !got {
				t.Errorf("GET %s with ALLOW_EXPORT=1: not forwarded\n%s", test.target, body)
			}
			continue
		}
		if got, _ := forwarded(reading, "HEAD", test.target); got {
			t.Errorf("HEAD %s with POST=0: forwarded", test.target)
		}
	}
	// A path that only looks like one of them is still a read.
	for _, target := range []string{"/containers/web/json", "/containers/web/top", "/secrets/web", "/v5.0.0/libpod/secrets/json", "/v5.0.0/libpod/volumes/json"} {
		if got, body := forwarded(reading, "GET", target); !got {
			t.Errorf("GET %s with POST=0: not forwarded\n%s", target, body)
		}
	}
}
