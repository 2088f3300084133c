package guard

import (
	"slices"
	"strings"

	"postern/acl/body"
)

func objectOf(v any) *body.Object { o, _ := v.(*body.Object); return o }

// privileged judges Privileged, of containers and of execs.
func privileged(j *judge, field string, value any) {
	if !j.Privileged {
		j.refuse(Violation{Field: field, Asks: "true", Flag: "--privileged", Variable: j.Prefix + "GUARD_PRIVILEGED", Value: "1"})
	}
}

// defaultCaps are what every container has without asking.
var defaultCaps = strings.Fields("AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT")

func (s *Settings) parseCaps(l list) error {
	for i, item := range l.items {
		l.items[i] = capName(item)
	}
	return l.each(func(item string) bool {
		return item == "ALL" || item != "" && strings.Trim(item, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == ""
	}, "names of capabilities such as NET_ADMIN, or * for all")
}

// capName is a capability as it is compared.
func capName(s string) string {
	if s == "*" {
		return "ALL"
	}
	return strings.TrimPrefix(strings.ToUpper(s), "CAP_")
}

var capAdd = texts(func(j *judge, field, value string) {
	name := capName(value)
	if value == "*" || !j.matches("GUARD_CAP_ADD", name, defaultCaps...) && !j.matches("GUARD_CAP_ADD", "ALL") {
		j.wants(field, name, "--cap-add", "GUARD_CAP_ADD", name)
	}
})

func (s *Settings) parseSecurityOpts(l list) error {
	for i, item := range l.items {
		l.items[i] = securityOptName(item)
	}
	return l.each(func(item string) bool { return strings.Trim(item, "*") != "" }, "a security option such as apparmor=unconfined")
}

// securityOptName is a security option as it is compared. Engines take a colon for the
// equals sign.
func securityOptName(s string) string {
	if i := strings.IndexAny(s, ":="); i >= 0 {
		return s[:i] + "=" + s[i+1:]
	}
	return s
}

// harmlessSecurityOpts take something away, or say what holds anyway.
var harmlessSecurityOpts = []string{"no-new-privileges", "no-new-privileges=true", "no-new-privileges=false", "seccomp=builtin", "apparmor=docker-default"}

var securityOpt = texts(func(j *judge, field, value string) {
	opt := securityOptName(value)
	l := j.lists["GUARD_SECURITY_OPT"]
	profile, isSeccomp := strings.CutPrefix(opt, "seccomp=")
	isProfile := isSeccomp && strings.HasPrefix(strings.TrimSpace(profile), "{")
	switch {
	case slices.Contains(harmlessSecurityOpts, opt) && !l.none, slices.Contains(l.items, opt):
	case isProfile && slices.Contains(l.items, "seccomp=*"):
	case isProfile:
		j.wants(field, "a seccomp profile", "--security-opt", "GUARD_SECURITY_OPT", "seccomp=*")
	default:
		j.wants(field, opt, "--security-opt", "GUARD_SECURITY_OPT", opt)
	}
})

// maskedPaths and readonlyPaths are what every engine since 20.10 hides or protects in
// a container's /proc and /sys. Later engines have a few more.
var (
	maskedPaths   = strings.Fields("/proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/scsi /sys/firmware")
	readonlyPaths = strings.Fields("/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger")
)

// systemPaths judges MaskedPaths and ReadonlyPaths. Null is the engine's own list; a
// list, even an empty one, takes its place, and so must have what that has.
func systemPaths(needed []string) rule {
	return func(j *judge, field string, value any) {
		list, _ := value.([]any)
		for _, p := range needed {
			if !slices.Contains(list, any(p)) && !slices.Contains(j.lists["GUARD_SECURITY_OPT"].items, "systempaths=unconfined") && !(j.target && j.host.Bool("Privileged")) {
				j.wants(field, p+" as the host has it", "--security-opt", "GUARD_SECURITY_OPT", "systempaths=unconfined")
				return
			}
		}
	}
}

func (s *Settings) parseRuntimes(l list) error {
	return l.each(func(item string) bool { return isName(item, "") }, "the name of a runtime such as runsc")
}

// runtime judges HostConfig.Runtime. The engine's default counts as none: inspect
// names it, and clients send back what it says.
func runtime(j *judge, field string, value any) {
	name, engines := show(value), j.Engine.DefaultRuntime
	isRunc := func(s string) bool { return s == "" || s == "runc" || s == "io.containerd.runc.v2" }
	if name == engines || name == "runc" && isRunc(engines) || slices.Contains(j.lists["GUARD_RUNTIME"].items, name) {
		return
	}
	if !isName(name, "") {
		j.never(field, name, "--runtime", "a runtime has a name without slashes")
		return
	}
	j.wants(field, name, "--runtime", "GUARD_RUNTIME", name)
}
