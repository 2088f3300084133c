//go:build real

package limits

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// tagger starts postern with one guarded client that may write new tags, behind which
// hook sees each request before the engine does.
func tagger(t *testing.T, hook func(*http.Request)) harness.Endpoint {
	t.Helper()
	harness.NeedDocker(t)
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", harness.EngineSocket) }
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	forward.FlushInterval, forward.Transport = -1, &http.Transport{DialContext: dial, DisableKeepAlives: true}
	socket := filepath.Join(harness.SocketDir(t), "engine.sock")
	listener, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hook(r)
		forward.ServeHTTP(w, r)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	name := newName("ci")
	prefix := "CLIENT_" + strings.ToUpper(name) + "_"
	return through(t, []string{name}, "SOCKET_PATH="+socket, prefix+"GUARD=1", prefix+"GUARD_TAG=new", prefix+"GUARD_BUILDKIT=1")[name]
}

// buildContext is a folder to build from, with two stages, none of which was built before.
func buildContext(t *testing.T, unique, line string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text := "FROM " + harness.Busybox(t) + " AS first\nRUN echo Successfully built 0123456789ab # " + unique + "\nFROM first\n" + line + "\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// imageOf is the id of the image that has a tag, or "".
func imageOf(t *testing.T, tag string) string {
	t.Helper()
	return strings.TrimSpace(harness.Docker(t, harness.EngineHost, "image", "inspect", "--format", "{{.Id}}", tag).Stdout)
}

// TestGuardTagsMadeMeanwhile asserts that a client with GUARD_TAG=new does not take a tag
// that somebody else makes while its request runs, and that it learns why.
func TestGuardTagsMadeMeanwhile(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	dir := buildContext(t, harness.Unused(t), "RUN echo hi > /made")
	for name, run := range map[string]func(t *testing.T, ci harness.Endpoint, tag, other string) string{
		"build":         build("-t {tag}", dir),
		"quiet build":   build("-q -t {tag}", dir),
		"first tag":     build("-t {tag} -t {other}", dir),
		"other version": build("-t {tag}", dir, "DOCKER_API_VERSION=1.24"),
		"BuildKit": func(t *testing.T, ci harness.Endpoint, tag, _ string) string {
			return ci.Call(t, "POST", "/build?version=2&t="+tag, dockerfile(t, dir)).Body
		},
		"commit": func(t *testing.T, ci harness.Endpoint, tag, other string) string {
			must(t, ci, "create --name "+other+" "+image)
			r := docker(t, ci, "commit "+other+" "+tag)
			if r.Status == 0 {
				t.Errorf("%v", r)
			}
			return r.Stderr
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag, other := harness.Unused(t), harness.Unused(t)
			ci := tagger(t, func(r *http.Request) {
				if r.Method == "POST" && (strings.HasSuffix(r.URL.Path, "/build") || strings.HasSuffix(r.URL.Path, "/commit")) {
					if _, err := harness.OnEngine(harness.Patience, "docker", "tag", image, tag); err != nil {
						t.Error(err)
					}
				}
			})
			said := run(t, ci, tag, other)
			if !strings.Contains(said, "somebody else has made the tag "+tag+":latest meanwhile: add "+tag+":latest to CLIENT_") {
				t.Errorf("the client is told: %s", said)
			}
			if got, want := imageOf(t, tag), imageOf(t, image); got != want {
				t.Errorf("the tag has the image %q, want %q", got, want)
			}
			if got := imageOf(t, other); got != "" {
				t.Errorf("the other tag has the image %s", got)
			}
		})
	}
}

// build runs docker build, which must fail, and returns what it prints.
func build(options, dir string, environ ...string) func(*testing.T, harness.Endpoint, string, string) string {
	return func(t *testing.T, ci harness.Endpoint, tag, other string) string {
		t.Helper()
		options := strings.NewReplacer("{tag}", tag, "{other}", other).Replace(options)
		cmd := harness.DockerCommand(t, ci.Host(), harness.Words("build "+options, dir)...)
		cmd.Env = append(cmd.Env, environ...)
		r := harness.Finish(t, cmd)
		if r.Status == 0 {
			t.Errorf("%v", r)
		}
		return r.Stderr
	}
}

// dockerfile is an archive of a folder's Dockerfile.
func dockerfile(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	w.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(text))})
	w.Write(text)
	w.Close()
	return archive.String()
}

// TestGuardedBuildPrints asserts that a build with tags prints, makes and leaves the same
// as on the engine's own socket.
func TestGuardedBuildPrints(t *testing.T) {
	t.Parallel()
	ids := regexp.MustCompile(`[0-9a-f]{12,64}`)
	ci := guarded(t, "GUARD_TAG=new")
	for _, options := range []string{
		"-t {a}", "-q -t {a}", "-t {a}:v1 -t docker.io/library/{b} -t {a}:v1 -t localhost:5000/team/{b}:x", "--target first -t {a}", "-t {a} --iidfile {file}", "-q --target first",
		"-t {a} --build-arg FAILS=1", "-q -t {a} --build-arg FAILS=1", "-t {a} --target none",
	} {
		for _, version := range []string{"1.41", "1.24"} {
			if version == "1.24" && strings.Contains(options, "iidfile") {
				continue // docker asks for a newer API
			}
			t.Run(options+" "+version, func(t *testing.T) {
				t.Parallel()
				run := func(e harness.Endpoint, flags ...string) string {
					a, b, file := harness.Unused(t), harness.Unused(t), filepath.Join(t.TempDir(), "id")
					dir := buildContext(t, a, "ARG FAILS\nRUN test -z $FAILS")
					t.Cleanup(func() { harness.RemoveAll(a + ":v1"); harness.RemoveAll("localhost:5000/team/" + b + ":x") })
					line := strings.NewReplacer("{a}", a, "{b}", b, "{file}", file).Replace("build " + options)
					cmd := harness.DockerCommand(t, e.Host(), harness.Words(line, append(flags, dir)...)...)
					cmd.Env = append(cmd.Env, "DOCKER_API_VERSION="+version)
					r := harness.Finish(t, cmd)
					id, _ := os.ReadFile(file)
					said := fmt.Sprint(r, "\nfile: ", string(id))
					for _, tag := range []string{a, a + ":v1", b, "localhost:5000/team/" + b + ":x"} {
						made := imageOf(t, tag)
						said += "\n" + tag + " is " + made
						if made != "" && !strings.Contains(r.Stdout, made[7:19]) {
							t.Errorf("%s is not the image that was built: %v", tag, r)
						}
					}
					return ids.ReplaceAllString(strings.NewReplacer(a, "A", b, "B").Replace(said), "ID")
				}
				if got, want := run(ci), run(harness.EngineEndpoint, "--label=postern.client="); got != want {
					t.Errorf("through postern:\n%s\non the socket:\n%s", got, want)
				}
			})
		}
	}
}

// TestGuardedBuildKitTags asserts that BuildKit's build without buildx gets its tags.
func TestGuardedBuildKitTags(t *testing.T) {
	t.Parallel()
	tag := harness.Unused(t)
	ci := guarded(t, "GUARD_TAG=new", "GUARD_BUILDKIT=1")
	archive := dockerfile(t, buildContext(t, tag, "RUN true"))
	for range 2 { // the second time the tag is the client's own
		r := ci.Call(t, "POST", "/build?version=2&t="+tag, archive)
		if id := imageOf(t, tag); id == "" || !strings.Contains(r.Body, id) || !strings.HasSuffix(r.Body, `{"stream":"Successfully tagged `+tag+`:latest\n"}`+"\r\n") {
			t.Errorf("the tag has the image %q: %s", id, r.Body)
		}
	}
}

// TestGuardedBuildIsLeft asserts that a build whose client goes away ends without a tag.
func TestGuardedBuildIsLeft(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	tag := harness.Unused(t)
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket, "GUARD": "1", "GUARD_TAG": "new"}))
	var said harness.Output
	cmd := harness.DockerCommand(t, "tcp://"+p.Addr, "build", "-t", tag, buildContext(t, tag, "RUN echo "+tag+" && sleep 1000"))
	cmd.Stdout = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	harness.Await(t, "the last step", func() bool { return strings.Contains(said.String(), "\n"+tag+"\n") })
	cmd.Process.Kill()
	cmd.Wait()
	p.AwaitLog(func(e harness.Entry) bool {
		return e["operation"] == "ImageBuild" && e["message"] == "cut off by the client"
	})
	running := regexp.MustCompile(`Running in ([0-9a-f]{12})`).FindAllStringSubmatch(said.String(), -1)
	last := running[len(running)-1][1]
	harness.Await(t, "the end of the build", func() bool {
		return harness.Docker(t, harness.EngineHost, "inspect", "--format", "{{.State.Running}}", last).Stdout != "true\n"
	})
	if got := imageOf(t, tag); got != "" {
		t.Errorf("the tag has the image %s", got)
	}
}

// TestGuardedTagWaitsForNothing asserts that a client cannot put off a tag that it may
// write now, by a body that an engine would wait for.
func TestGuardedTagWaitsForNothing(t *testing.T) {
	t.Parallel()
	tag := harness.Unused(t)
	ci := tagger(t, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/tag") {
			r.Body.Read(make([]byte, 1)) // as an engine's debugging log does
		}
	})
	request := harness.Head("POST", "/images/"+url.PathEscape(harness.Busybox(t))+"/tag?repo="+tag, "Content-Type: application/json", "Transfer-Encoding: chunked")
	if r := harness.Send(t, ci.Dial(t), request); r.Status != 201 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	must(t, ci, "rmi "+tag) // which is the client's own
}
