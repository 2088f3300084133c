package limits

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"postern/acl/guard"
)

// Surroundings are what a guard must know besides the settings: the engine, and what
// of it belongs to postern.
type Surroundings struct {
	Engine guard.Engine
	Self   guard.Self
	// mounts are those of postern's own container.
	mounts []ownMount
}

type ownMount struct{ Type, Name, Source, Destination string }

// Survey asks the engine about itself and about postern's own container. root is the
// directory below which the kernel's files are, "/". It returns an error if postern
// runs in a container and cannot find out in which: then it cannot keep clients away
// from it.
func (e *Engine) Survey(ctx context.Context, root, socket string) (s Surroundings, err error) {
	if s.Engine, err = e.survey(ctx); err != nil {
		return s, fmt.Errorf("GUARD needs to ask the engine about itself: %w", err)
	}
	ids, inContainer := containerIDs(root)
	for _, id := range ids {
		var own ownContainer
		err := e.get(ctx, "/containers/"+id+"/json", nil, &own)
		switch {
		case errors.Is(err, errAbsent):
			continue
		case err != nil:
			return s, fmt.Errorf("GUARD needs to ask the engine about postern's own container: %w", err)
		}
		// A container in the network of another one has that one's files.
		if slices.ContainsFunc(own.Mounts, func(m ownMount) bool { return below(m.Destination, socket) }) {
			s.describe(own)
			image, err := e.image(ctx, own.Image)
			if err != nil && !errors.Is(err, errAbsent) {
				return s, fmt.Errorf("GUARD needs to ask the engine about postern's own image: %w", err)
			}
			for _, name := range append(image.RepoTags, image.RepoDigests...) {
				s.Self.Tags = append(s.Self.Tags, guard.Reference(name))
			}
			return s, nil
		}
	}
	if inContainer {
		return s, errors.New("GUARD cannot find postern's own container at the engine, and so cannot keep clients away from it: run postern with the engine's socket mounted, in a container of this engine")
	}
	s.Self.Paths = []string{dockerSocket, realPath(socket)}
	return s, nil
}

// dockerSocket is where nearly every engine has its socket, whatever postern's own
// mount is.
const dockerSocket = "/run/docker.sock"

type ownContainer struct {
	ID     string `json:"Id"`
	Image  string
	Config struct{ Labels map[string]string }
	Mounts []ownMount
}

func (s *Surroundings) describe(own ownContainer) {
	s.mounts = own.Mounts
	s.Self.Container = own.ID
	s.Self.Project = own.Config.Labels["com.docker.compose.project"]
	s.Self.Paths = []string{dockerSocket}
	for _, m := range own.Mounts {
		if m.Type == "volume" {
			s.Self.Volumes = append(s.Self.Volumes, m.Name)
		}
		if m.Source != "" { // of a volume, too: a client may list the directory of all volumes
			s.Self.Paths = append(s.Self.Paths, m.Source)
		}
	}
}

// HostPath returns the path on the host of a file in postern's container, or "" if no
// directory of the host is mounted there. Outside a container the path is the host's.
func (s Surroundings) HostPath(path string) string {
	if s.Self.Container == "" {
		return realPath(path)
	}
	mounts := slices.Clone(s.mounts)
	slices.SortFunc(mounts, func(a, b ownMount) int { return cmp.Compare(len(b.Destination), len(a.Destination)) })
	for _, m := range mounts {
		if below(m.Destination, path) {
			if m.Type != "bind" {
				return ""
			}
			return filepath.Join(m.Source, strings.TrimPrefix(path, m.Destination))
		}
	}
	return ""
}

// realPath follows the symbolic links of a path's directory: the file need not exist
// yet.
func realPath(path string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

func below(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// survey asks the engine about itself.
func (e *Engine) survey(ctx context.Context) (guard.Engine, error) {
	var info struct{ DefaultRuntime, LoggingDriver, CgroupVersion, ServerVersion string }
	if err := e.get(ctx, "/info", nil, &info); err != nil {
		return guard.Engine{}, err
	}
	return guard.Engine{
		DefaultRuntime: info.DefaultRuntime, LoggingDriver: info.LoggingDriver,
		CgroupV1: info.CgroupVersion == "1", SafeArchive: atLeast(info.ServerVersion, 29, 5, 1),
	}, nil
}

// atLeast reports whether a version such as 29.5.1 is not older than another one.
func atLeast(version string, wanted ...int) bool {
	parts := strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	for i, want := range wanted {
		n := -1
		if i < len(parts) {
			n, _ = strconv.Atoi(parts[i])
		}
		if n != want {
			return n > want
		}
	}
	return true
}

// containerID matches the path of a container's own files, from which the engine mounts
// /etc/hostname and the like, and that of a control group. For docker cp it mounts those of
// any container elsewhere, and the host sees it.
var containerID = regexp.MustCompile(`(?:containers|docker)[/-]([0-9a-f]{64})\b`)

// containerIDs lists the ids of containers that the process's mounts and control groups
// name, and reports whether it runs in a container.
func containerIDs(root string) (ids []string, inContainer bool) {
	isLayered := false // the root is made of an image's layers
	for _, file := range []string{"proc/self/mountinfo", "proc/self/cgroup"} {
		f, err := os.Open(filepath.Join(root, file))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// The root of the mount is the fourth field, where it is mounted the fifth.
			text, fields := lines.Text(), strings.Fields(lines.Text())
			if strings.HasSuffix(file, "mountinfo") && len(fields) > 8 {
				if text = fields[3]; !strings.HasPrefix(fields[4], "/etc/") {
					text = "" // on the host, that of a container which docker cp looks into
				}
				isLayered = isLayered || fields[4] == "/" && slices.ContainsFunc(fields[6:], func(f string) bool { return strings.HasSuffix(f, "overlay") || f == "fuse-overlayfs" })
			}
			if match := containerID.FindStringSubmatch(text); match != nil && !slices.Contains(ids, match[1]) {
				ids = append(ids, match[1])
			}
		}
		f.Close()
	}
	for _, file := range []string{".dockerenv", "run/.containerenv"} {
		_, err := os.Stat(filepath.Join(root, file))
		inContainer = inContainer || isLayered && err == nil
	}
	return ids, inContainer || len(ids) > 0
}
