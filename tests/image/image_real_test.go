//go:build real

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"io"
	"maps"
	"path"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// maxImageSize is in bytes.
const maxImageSize = 12_000_000

func TestImageConfig(t *testing.T) {
	t.Parallel()
	var image struct {
		Size   int64
		Config struct {
			Entrypoint, Cmd []string
			ExposedPorts    map[string]any
			Labels          map[string]string
			Healthcheck     struct {
				Test                           []string
				Interval, Timeout, StartPeriod time.Duration
				Retries                        int
			}
		}
	}
	inspect(t, "image", buildImage(t), &image)
	if image.Size >= maxImageSize {
		t.Errorf("the image has %d bytes, want less than %d", image.Size, maxImageSize)
	}
	c := image.Config
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"ENTRYPOINT", c.Entrypoint, []string{"/postern"}},
		{"CMD", len(c.Cmd), 0},
		{"EXPOSE", slices.Collect(maps.Keys(c.ExposedPorts)), []string{"2375/tcp"}},
		{"HEALTHCHECK", c.Healthcheck.Test, []string{"CMD", "/postern", "healthcheck"}},
		{"--interval", c.Healthcheck.Interval, 8 * time.Second},
		{"--timeout", c.Healthcheck.Timeout, 5 * time.Second},
		{"--start-period", c.Healthcheck.StartPeriod, 5 * time.Second},
		{"--retries", c.Healthcheck.Retries, 3},
		{"title", c.Labels["org.opencontainers.image.title"], "postern"},
		{"licenses", c.Labels["org.opencontainers.image.licenses"], "MIT"},
		{"version", c.Labels["org.opencontainers.image.version"], imageVersion},
		{"revision", c.Labels["org.opencontainers.image.revision"], imageRevision},
		{"no route by Traefik", c.Labels["traefik.enable"], "false"},
		{"a description", c.Labels["org.opencontainers.image.description"] != "", true},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestImageVersion(t *testing.T) {
	t.Parallel()
	got := harness.MustDocker(t, "run", "--rm", buildImage(t), "version")
	if !strings.HasPrefix(got, "postern "+imageVersion+" ") {
		t.Errorf("postern version in the image prints %q, want version %s", got, imageVersion)
	}
}

// TestImageIsOneStaticBinary asserts that the image is one static binary and links to
// it, for this machine's architecture and cross-compiled for another.
func TestImageIsOneStaticBinary(t *testing.T) {
	t.Parallel()
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM}
	other := "arm64"
	if runtime.GOARCH == "arm64" {
		other = "amd64"
	}
	cross := func(arguments ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			needBaseImage(t)
			name := harness.Unused(t)
			args := []string{"build", "--tag", name, "--build-arg", "GO_IMAGE=" + goImage}
			for _, argument := range arguments {
				args = append(args, "--build-arg", argument)
			}
			if _, err := harness.OnEngine(harness.BuildPatience, "docker", append(args, ".")...); err != nil {
				t.Fatal(err)
			}
			return name
		}
	}
	for _, tt := range []struct {
		name, arch, goarm string
		image             func(*testing.T) string
	}{
		{"native", runtime.GOARCH, "", func(t *testing.T) string { return buildImage(t) }},
		{"cross-compiled", other, "", cross("TARGETARCH=" + other)},
		{"arm v6", "arm", "6", cross("TARGETARCH=arm", "TARGETVARIANT=v6")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := imageFiles(t, tt.image(t))
			names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return strings.HasPrefix(string(files[name]), "-> ") })
			if got, want := names, []string{"/postern"}; !slices.Equal(got, want) {
				t.Fatalf("the image holds %q, want %q", got, want)
			}
			for link, to := range map[string]string{"/bin/sh": "../postern", "/bin/wget": "../postern", "/bin/curl": "../postern", "/bin/nc": "../postern", "/usr/bin": "../bin"} {
				if got := string(files[link]); got != "-> "+to {
					t.Errorf("%s in the image is %.20q, want a link to %s", link, got, to)
				}
			}
			binary, err := elf.NewFile(bytes.NewReader(files["/postern"]))
			if err != nil {
				t.Fatal(err)
			}
			if want := machines[tt.arch]; binary.Machine != want {
				t.Errorf("the binary is for %v, want %v", binary.Machine, want)
			}
			build, err := buildinfo.Read(bytes.NewReader(files["/postern"]))
			if err != nil {
				t.Fatal(err)
			}
			if want := (debug.BuildSetting{Key: "GOARM", Value: tt.goarm}); tt.goarm != "" && !slices.Contains(build.Settings, want) {
				t.Errorf("the binary is built with %v, want %v", build.Settings, want)
			}
			libraries, err := binary.ImportedLibraries()
			if err != nil || len(libraries) > 0 {
				t.Errorf("the binary needs the libraries %q (%v), want none", libraries, err)
			}
			if binary.Section(".interp") != nil {
				t.Error("the binary needs a dynamic loader, want it static")
			}
			if binary.Section(".symtab") != nil {
				t.Error("the binary has a symbol table, want it stripped")
			}
		})
	}
}

// TestImageBecomesHealthy asserts that the engine reports the container as
// healthy within 10 seconds of its start, also with PING=0.
func TestImageBecomesHealthy(t *testing.T) {
	t.Parallel()
	c := launch(t, harness.Mount(harness.EngineSocket), "--env", "PING=0")
	harness.Await(t, "good health", func() bool { return c.Inspect("{{.State.Health.Status}}") == "healthy" })
	var state struct {
		State struct {
			StartedAt time.Time
			Health    struct{ Log []struct{ End time.Time } }
		}
	}
	inspect(t, "container", c.Name, &state)
	if took := state.State.Health.Log[0].End.Sub(state.State.StartedAt); took > 10*time.Second {
		t.Errorf("healthy %v after the start, want within 10s", took)
	}
}

// TestImageKnowsTimeZones asserts that the image knows zones without a file.
func TestImageKnowsTimeZones(t *testing.T) {
	t.Parallel()
	name := harness.Unused(t)
	harness.MustDocker(t, "run", "--detach", "--name", name, "--volume", harness.EngineSocket+":"+harness.EngineSocket,
		"--env", "TZ=Asia/Kolkata", buildImage(t))
	var logs harness.Result
	harness.Await(t, "log of the start", func() bool {
		logs = harness.Docker(t, harness.EngineHost, "logs", name)
		return strings.Contains(logs.Stdout, `"started"`)
	})
	if !strings.Contains(logs.Stdout, "+05:30") {
		t.Errorf("with TZ=Asia/Kolkata the log has no time with +05:30:\n%s", logs.Stdout)
	}
}

// inspect decodes what docker inspect says of one object.
func inspect(t *testing.T, kind, name string, into any) {
	t.Helper()
	out := harness.MustDocker(t, kind, "inspect", "--format", "{{json .}}", name)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("docker %s inspect %s: %v\n%s", kind, name, err, out)
	}
}

// imageFiles returns the content of every file in all layers of an image, by
// absolute path. That of a symbolic link is "-> " and its target.
func imageFiles(t *testing.T, name string) map[string][]byte {
	t.Helper()
	archive := untar(t, []byte(harness.MustDocker(t, "save", name)))
	var manifest []struct{ Layers []string }
	if err := json.Unmarshal(archive["/manifest.json"], &manifest); err != nil {
		t.Fatalf("docker save: manifest.json: %v", err)
	}
	files := map[string][]byte{}
	for _, layer := range manifest[0].Layers {
		maps.Copy(files, untar(t, archive["/"+layer]))
	}
	return files
}

// untar unpacks a tar archive, compressed or not; some engines save layers
// compressed.
func untar(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	var source io.Reader = bytes.NewReader(data)
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		source = z
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(source); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeSymlink {
			content = []byte("-> " + header.Linkname)
		}
		if header.Typeflag != tar.TypeDir {
			files[path.Join("/", header.Name)] = content
		}
	}
}
