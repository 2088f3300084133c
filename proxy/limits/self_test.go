package limits

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ownID = "5e1f00000000000000000000000000000000000000000000000000000000abcd"

// kernel writes the files that tell of a container, and returns their root.
func kernel(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	overlayRoot = "100 1 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
	diskRoot    = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	hostnameOf  = "101 100 254:0 /var/lib/docker/containers/" + ownID + "/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
)

// TestSurvey has the places in which postern can run, and what it finds to be its own, or
// why it does not start.
func TestSurvey(t *testing.T) {
	t.Parallel()
	inspect := map[string]any{
		"Id": ownID, "Image": "sha256:1", "Config": map[string]any{"Labels": map[string]string{"com.docker.compose.project": "infra"}},
		"Mounts": []map[string]string{
			{"Type": "bind", "Source": "/run/user/1000/docker.sock", "Destination": "/var/run/docker.sock"},
			{"Type": "bind", "Source": "/srv/sockets", "Destination": "/run/postern"},
			{"Type": "volume", "Name": "shared", "Source": "/var/lib/docker/volumes/shared/_data", "Destination": "/run/shared"},
		},
	}
	for name, test := range map[string]struct {
		files map[string]string
		err   string
		is    string
	}{
		"on the host": {map[string]string{"proc/self/mountinfo": diskRoot, "proc/self/cgroup": "0::/user.slice\n"}, "", ""},
		// The engine mounts a container's files for docker cp where the host sees it.
		"on the host, beside docker cp":        {map[string]string{"proc/self/mountinfo": diskRoot + strings.ReplaceAll(hostnameOf, " /etc/", " /var/lib/docker/overlay2/a/merged/etc/")}, "", ""},
		"on a host made of an image":           {map[string]string{"proc/self/mountinfo": diskRoot, ".dockerenv": ""}, "", ""},
		"in a container":                       {map[string]string{"proc/self/mountinfo": overlayRoot + hostnameOf, "proc/self/cgroup": "0::/\n", ".dockerenv": ""}, "", ownID},
		"by its control group":                 {map[string]string{"proc/self/mountinfo": overlayRoot, "proc/self/cgroup": "4:pids:/docker/" + ownID + "\n", ".dockerenv": ""}, "", ownID},
		"in a container of another engine":     {map[string]string{"proc/self/mountinfo": overlayRoot + strings.ReplaceAll(hostnameOf, "5e1f", "0000"), ".dockerenv": ""}, "cannot find postern's own container", ""},
		"in a container that nothing tells of": {map[string]string{"proc/self/mountinfo": overlayRoot, "proc/self/cgroup": "0::/\n", ".dockerenv": ""}, "cannot find postern's own container", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/info":
				json.NewEncoder(w).Encode(map[string]string{"ServerVersion": "29.5.1", "CgroupVersion": "1", "DefaultRuntime": "runc", "LoggingDriver": "journald"})
			case "/containers/" + ownID + "/json":
				json.NewEncoder(w).Encode(inspect)
			case "/images/sha256:1/json":
				json.NewEncoder(w).Encode(map[string][]string{"RepoTags": {"postern:1"}, "RepoDigests": {"postern@sha256:2"}})
			default:
				http.NotFound(w, r)
			}
		}))
		t.Cleanup(server.Close)
		s, err := NewEngine(to{server}).Survey(context.Background(), kernel(t, test.files), "/var/run/docker.sock")
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got %v, want %s", name, err, test.err)
			}
			continue
		case err != nil || s.Self.Container != test.is || !s.Engine.SafeArchive || !s.Engine.CgroupV1 || s.Engine.LoggingDriver != "journald":
			t.Errorf("%s: got %+v, %v", name, s, err)
		}
		if test.is == "" {
			if got := s.HostPath("/nowhere/x.sock"); got != "/nowhere/x.sock" {
				t.Errorf("%s: got the host's path %s", name, got)
			}
			continue
		}
		if !slices.Equal(s.Self.Paths, []string{dockerSocket, "/run/user/1000/docker.sock", "/srv/sockets", "/var/lib/docker/volumes/shared/_data"}) || !slices.Equal(s.Self.Volumes, []string{"shared"}) || s.Self.Project != "infra" ||
			!slices.Equal(s.Self.Tags, []string{"docker.io/library/postern:1", "docker.io/library/postern@sha256:2"}) {
			t.Errorf("%s: got %+v", name, s.Self)
		}
		for path, want := range map[string]string{"/run/postern/ci.sock": "/srv/sockets/ci.sock", "/run/shared/ci.sock": "", "/elsewhere/ci.sock": ""} {
			if got := s.HostPath(path); got != want {
				t.Errorf("%s: %s is %q on the host, want %q", name, path, got, want)
			}
		}
	}
}

// to sends requests to a server whatever their host is.
type to struct{ *httptest.Server }

func (s to) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", s.Listener.Addr().String(), ""
	return http.DefaultTransport.RoundTrip(r)
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"29.5.1": true, "29.5.2": true, "29.6.0": true, "30.0.0-rc.1": true, "29.5.0": false, "29.4.9": false, "20.10.24+dfsg1": false, "dev": false, "": false, "29.5": false} {
		if got := atLeast(version, 29, 5, 1); got != want {
			t.Errorf("%q: got %v", version, got)
		}
	}
}
