package guard

import "strings"

func (s *Settings) parseNamespaces(l list) error {
	s.namespaces = l.items
	return l.each(func(item string) bool {
		switch item {
		case "pid=host", "ipc=host", "uts=host", "userns=host", "cgroupns=host":
			return true
		}
		return false
	}, "pid=host, ipc=host, uts=host, userns=host or cgroupns=host")
}

// namespace judges the field that says which namespace of a kind a container is in:
// one of its own, the host's, or another container's.
func namespace(kind, flag string, own ...string) rule {
	return func(j *judge, field string, value any) {
		mode := show(value)
		for _, word := range own {
			if mode == word {
				return
			}
		}
		name, isContainer := strings.CutPrefix(mode, "container:")
		switch {
		case isContainer && (kind == "pid" || kind == "ipc"):
			j.container(field, name, flag)
		case mode != "host":
			j.never(field, mode, flag, "")
		case kind == "cgroupns" && j.Engine.CgroupV1: // the engine's default
		case j.matches("GUARD_NAMESPACE", kind+"=host"):
		default:
			j.wants(field, mode, flag, "GUARD_NAMESPACE", kind+"=host")
		}
	}
}

// isOwnNamespace reports whether a mode gives a container a namespace of its own. Another
// container's may be the host's.
func isOwnNamespace(mode string) bool {
	return mode != "host" && !strings.HasPrefix(mode, "container:")
}

// sysctls judges HostConfig.Sysctls. A sysctl of a namespace that the container has of
// its own concerns the container alone.
func sysctls(j *judge, field string, value any) {
	for name := range objectOf(value).All() {
		isIPC := strings.HasPrefix(name, "fs.mqueue.") || strings.HasPrefix(name, "kernel.msg") || strings.HasPrefix(name, "kernel.shm") || name == "kernel.sem"
		isNet := strings.HasPrefix(name, "net.")
		switch {
		case strings.ContainsAny(name, "/\x00"), !isNet && !isIPC:
			j.never(field, name, "--sysctl", "only net.*, kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.* are allowed")
		case isNet && isOwnNamespace(j.host.String("NetworkMode")), isIPC && isOwnNamespace(j.host.String("IpcMode")):
		default:
			j.never(field, name, "--sysctl", "it would not be the container's own")
		}
	}
}
