package guard

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"postern/acl"
	"postern/acl/pattern"
)

// Variable is one of the GUARD variables, as the manual shows it.
type Variable struct {
	Name string
	// Default is what holds while the variable is unset, in words.
	Default string
	// Help says what the variable's items are.
	Help string
	// IsList is whether it has a twin that ends in _FILE.
	IsList bool
	parse  func(s *Settings, l list) error
}

// Variables has all GUARD variables, GUARD itself first.
var Variables = []Variable{
	{"GUARD", "0", "1 keeps what the client creates away from the host", false, (*Settings).parseOn},
	{"GUARD_VOLUME", "own and anonymous volumes, tmpfs", "what else may be mounted: /host/path[:ro] and volume-name[:ro]", true, (*Settings).parseVolumes},
	{"GUARD_NETWORK", "bridge, own networks, none", "names of networks; host stands for itself alone", true, (*Settings).parseNetworks},
	{"GUARD_NAMESPACE", "none", "pid=host, ipc=host, uts=host, userns=host, cgroupns=host", true, (*Settings).parseNamespaces},
	{"GUARD_PRIVILEGED", "0", "1 allows --privileged, for containers and execs", false, (*Settings).parsePrivileged},
	{"GUARD_CAP_ADD", "the 14 that every container has", "capabilities, such as NET_ADMIN; * is ALL", true, (*Settings).parseCaps},
	{"GUARD_SECURITY_OPT", "no-new-privileges, seccomp=builtin", "security options, such as apparmor=unconfined; seccomp=* is any profile", true, (*Settings).parseSecurityOpts},
	{"GUARD_DEVICE", "none", "/dev/x[:r|rw|rwm] and what is below, gpu, cdi:vendor/class=name", true, (*Settings).parseDevices},
	{"GUARD_RUNTIME", "the engine's default", "names of runtimes, such as runsc", true, (*Settings).parseRuntimes},
	{"GUARD_PUBLISH", "ports that the engine chooses", "[ip:]port[-port], 0 for a port that the engine chooses, * for any", true, (*Settings).parsePublish},
	{"GUARD_IMAGE", "*", "images that may be run and pulled", true, (*Settings).parseImages},
	{"GUARD_TAG", "none", "tags that may be written, pushed and removed; new is one that does not exist", true, (*Settings).parseTags},
	{"GUARD_LABEL", "all that no known program obeys", "labels besides, such as traefik.*", true, (*Settings).parseLabels},
	{"GUARD_MEMORY", "no limit", "the most memory of one container, such as 2g", false, (*Settings).parseMemory},
	{"GUARD_CPUS", "no limit", "the most CPUs of one container, such as 1.5", false, (*Settings).parseCPUs},
	{"GUARD_PIDS_LIMIT", "no limit", "the most processes of one container", false, (*Settings).parsePids},
	{"GUARD_BUILDKIT", "0", "1 allows BuildKit's connections, which the guard cannot read", false, (*Settings).parseBuildKit},
	{"GUARD_ARCHIVE", "1 from engine 29.5.1 on, else 0", "1 allows docker cp in and out of own containers", false, (*Settings).parseArchive},
}

// Settings are what the GUARD variables of one client say. The zero value is all
// defaults, with the guard off.
type Settings struct {
	// Prefix stands before the variables' names, such as "CLIENT_CI_".
	Prefix string
	// On is GUARD itself.
	On bool
	// Privileged, BuildKit and Archive are the variables of these names. Archive is nil
	// while it is unset.
	Privileged, BuildKit bool
	Archive              *bool
	// Memory is in bytes, NanoCPUs in billionths of a CPU. Zero is no limit.
	Memory, NanoCPUs, Pids int64

	lists map[string]list // by the variable's name without the prefix

	paths      []pathItem
	volumes    []volumeItem
	devices    []pathItem
	publish    []portItem
	namespaces []string
}

// list is the value of one variable. The zero value is that of an unset one.
type list struct {
	set   bool
	none  bool // the value is "-"
	items []string
}

// Parse reads the GUARD variables whose names begin with prefix. It returns an error
// for each that it cannot read. The caller has added the lines of the _FILE twins.
func Parse(prefix string, environ map[string]string) (Settings, []error) {
	s := Settings{Prefix: prefix, lists: map[string]list{}}
	var errs []error
	for _, v := range Variables {
		value := environ[prefix+v.Name]
		l := parseList(value)
		if l.set {
			s.lists[v.Name] = l
			if err := v.parse(&s, l); err != nil {
				errs = append(errs, fmt.Errorf("invalid %s%s=%q: %w", prefix, v.Name, value, err))
			}
		}
	}
	return s, errs
}

// parseList splits a value at commas and line ends. \, is a comma.
func parseList(value string) (l list) {
	const escaped = "\x00"
	value = strings.ReplaceAll(strings.ReplaceAll(value, "\x00", ""), `\,`, escaped)
	for _, item := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(strings.ReplaceAll(item, escaped, ",")); item != "" {
			l.items = append(l.items, item)
		}
	}
	l.set = len(l.items) > 0
	if len(l.items) == 1 && l.items[0] == "-" {
		l.none, l.items = true, nil
	}
	return l
}

// Names lists the variables that are set, with their items, for the log and explain.
func (s Settings) Names() (all []string) {
	for _, v := range Variables[1:] {
		if l := s.lists[v.Name]; l.none {
			all = append(all, s.Prefix+v.Name+"=-")
		} else if l.set {
			all = append(all, s.Prefix+v.Name+"="+strings.Join(l.items, ","))
		}
	}
	return all
}

// matches reports whether an item of a variable matches s. While the variable is
// unset, the defaults are its items.
func (s *Settings) matches(variable, name string, defaults ...string) bool {
	l := s.lists[variable]
	if !l.set {
		l.items = defaults
	}
	return slices.ContainsFunc(l.items, func(p string) bool { return pattern.Match(p, name) })
}

// each reports the first item that check does not accept.
func (l list) each(check func(item string) bool, want string) error {
	for _, item := range l.items {
		if !check(item) {
			if len(l.items) > 1 {
				return fmt.Errorf("%s: want %s", item, want)
			}
			return errors.New("want " + want)
		}
	}
	return nil
}

func (l list) bool() (bool, error) {
	if len(l.items) != 1 {
		return false, errors.New("want 0 or 1")
	}
	return acl.ParseBool(l.items[0])
}

func (s *Settings) parseOn(l list) (err error)         { s.On, err = l.bool(); return err }
func (s *Settings) parsePrivileged(l list) (err error) { s.Privileged, err = l.bool(); return err }
func (s *Settings) parseBuildKit(l list) (err error)   { s.BuildKit, err = l.bool(); return err }

func (s *Settings) parseArchive(l list) error {
	on, err := l.bool()
	s.Archive = &on
	return err
}

// number reads the only item of a list.
func (l list) number() string {
	if len(l.items) != 1 {
		return ""
	}
	return strings.ToLower(l.items[0])
}

func (s *Settings) parseMemory(l list) error {
	text, unit := l.number(), int64(1)
	if inner := strings.TrimSuffix(text, "b"); len(inner) > 0 {
		if i := strings.IndexByte("kmgt", inner[len(inner)-1]); i >= 0 {
			unit, inner = 1<<(10*(i+1)), inner[:len(inner)-1]
		}
		text = inner
	}
	n, err := strconv.ParseFloat(text, 64)
	// The engine takes no less than 6 MiB.
	if s.Memory = int64(n * float64(unit)); err != nil || n*float64(unit) > math.MaxInt64/4 || s.Memory < 6<<20 {
		return errors.New("want an amount of memory such as 512m or 2g, at least 6m")
	}
	return nil
}

func (s *Settings) parseCPUs(l list) error {
	n, err := strconv.ParseFloat(l.number(), 64)
	if s.NanoCPUs = int64(n * 1e9); err != nil || !(n >= 0.01 && n <= 1e6) {
		return errors.New("want a number of CPUs such as 1.5, at least 0.01")
	}
	return nil
}

func (s *Settings) parsePids(l list) (err error) {
	if s.Pids, err = strconv.ParseInt(l.number(), 10, 32); err != nil || s.Pids < 1 {
		return errors.New("want a number of processes such as 256")
	}
	return nil
}

// isName reports whether s can be the name of a volume, a network or a container, with
// more characters that are allowed besides the engine's own.
func isName(s, more string) bool {
	for i, r := range s {
		isAlnum := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !isAlnum && !strings.ContainsRune(more, r) && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return s != ""
}

// Term is a variable with what holds: its value, or what holds while it is unset.
type Term struct {
	Variable string `json:"variable"`
	Value    string `json:"value"`
	// IsSet is whether the variable has a value.
	IsSet bool `json:"set"`
}

// Terms lists all variables with what they permit, for people.
func (s Settings) Terms() (all []Term) {
	for _, v := range Variables[1:] {
		t := Term{Variable: s.Prefix + v.Name, Value: v.Default}
		if l := s.lists[v.Name]; l.none {
			t.Value, t.IsSet = "nothing", true
		} else if l.set {
			t.Value, t.IsSet = strings.Join(l.items, ","), true
		}
		all = append(all, t)
	}
	return all
}

// Powers says what the settings permit that is as good as root, or close to it, in the
// words that follow "clients can".
func (s Settings) Powers() (all []string) {
	has := func(variable string, items ...string) bool {
		return slices.ContainsFunc(s.lists[variable].items, func(item string) bool { return slices.Contains(items, item) })
	}
	add := func(is bool, what string) {
		if is {
			all = append(all, what)
		}
	}
	add(s.Privileged, "start privileged containers, which are root on the host ("+s.Prefix+"GUARD_PRIVILEGED=1)")
	add(has("GUARD_CAP_ADD", "ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF", "PERFMON", "SYS_BOOT"), "give containers capabilities that reach the host ("+s.Prefix+"GUARD_CAP_ADD)")
	add(has("GUARD_NAMESPACE", "pid=host", "userns=host"), "put containers into the host's namespaces ("+s.Prefix+"GUARD_NAMESPACE)")
	add(has("GUARD_NETWORK", "host"), "reach what listens on the host's loopback addresses ("+s.Prefix+"GUARD_NETWORK)")
	add(has("GUARD_SECURITY_OPT", "systempaths=unconfined"), "write to the host's /proc/sys ("+s.Prefix+"GUARD_SECURITY_OPT)")
	for _, item := range s.devices {
		add(strings.Contains(item.mode, "w"), "write to the device "+item.path+" ("+s.Prefix+"GUARD_DEVICE)")
	}
	all = append(all, s.pathPowers()...)
	add(has("GUARD_TAG", "*"), "replace images that others run ("+s.Prefix+"GUARD_TAG=*)")
	add(s.Archive != nil && *s.Archive, "run programs as root on engines before 29.5.1, by an archive put into a container (CVE-2026-41567, "+s.Prefix+"GUARD_ARCHIVE=1)")
	return all
}
