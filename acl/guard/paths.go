package guard

import (
	"errors"
	"path"
	"strings"
)

// pathItem is a host path that a variable lists, with all that is below it.
type pathItem struct {
	path string // clean
	mode string // "ro" or "rw"; for devices a subset of "rwm"
}

// cleanPath returns a host path as it is compared. It does not resolve "..", which
// leads elsewhere than it seems to if a directory is a symbolic link.
func cleanPath(p string) (string, error) {
	switch {
	case !strings.HasPrefix(p, "/"):
		return "", errors.New("the path is not absolute")
	case strings.IndexFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0:
		return "", errors.New("the path has a control character")
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == ".." {
			return "", errors.New("the path has .. in it")
		}
	}
	return path.Clean(p), nil
}

// contains reports whether p is dir or below it. Both are clean.
func contains(dir, p string) bool {
	return dir == "/" || p == dir || strings.HasPrefix(p, dir+"/")
}

// longest returns the item with the longest path that contains p.
func longest(items []pathItem, p string) (item pathItem, found bool) {
	for _, i := range items {
		if contains(i.path, p) && len(i.path) > len(item.path) {
			item, found = i, true
		}
	}
	return item, found
}

// physical undoes a symbolic link that most hosts have, so that the two spellings of a
// socket's path are one.
func physical(p string) string {
	if contains("/var/run", p) {
		return strings.TrimPrefix(p, "/var")
	}
	return p
}

// isOwnSocket reports whether p is the path of one of the client's own listeners.
func (s Self) isOwnSocket(p string) bool {
	for _, socket := range s.Sockets {
		if physical(socket) == physical(p) {
			return true
		}
	}
	return false
}

// overlaps reports whether a mount of p would show something of postern's: a directory
// above it, the path itself, or what is below.
func (s Self) overlaps(p string) bool {
	p = physical(p)
	for _, own := range s.Paths {
		own = physical(own)
		if contains(own, p) || contains(p, own) {
			return true
		}
	}
	return false
}

// dangerousPaths are host paths whose content is as good as root, or close to it.
var dangerousPaths = []string{"/", "/boot", "/dev", "/etc", "/home", "/lib", "/opt", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var", "/var/lib", "/var/lib/docker", "/var/lib/containerd", "/var/log", "/var/run"}

// Dangers says which listed host paths give the host away, a line for each.
func (s Settings) Dangers() (all []string) {
	for _, item := range s.paths {
		what := ""
		for _, p := range dangerousPaths {
			if item.path == p {
				what = "holds the host's own files"
			}
		}
		switch p := physical(item.path); {
		case contains("/proc", p), contains("/sys", p), contains("/dev", p), contains("/etc", p), contains("/root", p), contains("/var/lib/docker", p):
			what = "holds the host's own files"
		case strings.HasSuffix(p, "/docker.sock"), strings.HasSuffix(p, "/containerd.sock"), strings.HasSuffix(p, "/podman.sock"):
			what = "is the engine itself, as good as root"
		}
		if what != "" {
			all = append(all, s.Prefix+"GUARD_VOLUME lists "+item.path+", which "+what)
		}
	}
	return all
}

// pathPowers says what containers can do with the listed host paths.
func (s Settings) pathPowers() (all []string) {
	for _, item := range s.paths {
		if item.mode == "rw" {
			all = append(all, "write files of the host below "+item.path+", and elsewhere by symbolic links there ("+s.Prefix+"GUARD_VOLUME)")
		}
	}
	return all
}
