package guard

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"postern/acl/body"
)

// Guard judges the requests of one client.
type Guard struct {
	Settings
	// Client is the client's name. It is "-" for the unprefixed client.
	Client string
	// Engine is what is known of the engine. What it would have filled in itself counts
	// as nothing asked for.
	Engine Engine
	// Self is what belongs to postern.
	Self Self
	// Reserved are host names by which other clients are known, in which * is any run of
	// characters. No container of this client may take one.
	Reserved []string
}

// Engine is what the engine says of itself. The zero value is an engine with Docker's
// defaults, cgroup version 2, and an archive that must be kept closed.
type Engine struct {
	DefaultRuntime, LoggingDriver string
	// CgroupV1 is whether containers share the host's cgroup namespace by default.
	CgroupV1 bool
	// SafeArchive is whether the engine is 29.5.1 or later. Before, an archive that is
	// put into a container could run programs as root on the host (CVE-2026-41567).
	SafeArchive bool
}

// Self is what no guarded client may touch or mount.
type Self struct {
	// Container is the id of postern's own container, or "".
	Container string
	// Paths are host paths that postern has mounted, the engine's socket among them.
	Paths []string
	// Sockets are host paths of this client's own listeners, which GUARD_VOLUME may
	// list although they are below Paths.
	Sockets []string
	// Volumes are the names of volumes that postern has mounted.
	Volumes []string
	// Tags are the references of postern's own image, normalised.
	Tags []string
	// Project is postern's compose project, or "".
	Project string
}

// Request is what is judged. Judge may change Query and Body.
type Request struct {
	// Operation is the operation's id, Name what the path names.
	Operation, Name string
	Query           url.Values
	// Body is nil where there is none.
	Body *body.Object
	// Unknown are the fields that [body.Read] has left out.
	Unknown []string
}

// Lookup tells what only the engine knows. A nil function is one that is not asked
// yet: the judge then assumes the better answer.
type Lookup struct {
	// Network returns the name of a network, and whether it is in the client's scope.
	Network func(nameOrID string) (name string, own bool)
	// OwnVolume reports whether a volume is in the client's scope, or does not exist yet.
	OwnVolume func(name string) bool
	// Container returns why the client may not reach into a container, see
	// [Guard.Target].
	Container func(nameOrID string) []Violation
	// ImageNames returns the RepoTags and RepoDigests of an image.
	ImageNames func(nameOrID string) []string
	// NewTag reports whether a tag does not exist, or is one that the client made.
	NewTag func(reference string) bool
}

// judge collects the violations of one request.
type judge struct {
	*Guard
	Lookup
	// target is whether an existing container is judged and no request.
	target bool
	// host is the HostConfig that is judged, for rules that look at two of its fields.
	host       *body.Object
	violations []Violation
}

// Judge returns what a request asks for and the client may not have, and fills in the
// limits that it leaves out. Judge it again with a Lookup before it is forwarded.
func (g *Guard) Judge(r *Request, l Lookup) []Violation {
	j := &judge{Guard: g, Lookup: l}
	op, guarded := operations[r.Operation]
	if !guarded {
		op = other
	}
	for _, field := range r.Unknown {
		j.refuse(Violation{Field: field, Asks: "something unknown", Hint: "this version of postern does not know the field"})
	}
	for _, key := range sortedKeys(r.Query) {
		j.parameter(op, key, r.Query[key])
	}
	if r.Body != nil {
		j.host = r.Body.Object("HostConfig")
		j.object(r.Body, "", op.fields)
	}
	if op.whole != nil {
		op.whole(j, r)
	}
	return j.violations
}

// Target returns why a client may not reach into a container, by exec, attach or
// archive, or join its namespaces: because the container has what the client could not
// have given to one of its own. The objects are what the engine's inspect says.
func (g *Guard) Target(id string, config, host *body.Object, mounts []Mounted, unknown []string, l Lookup) []Violation {
	j := &judge{Guard: g, Lookup: l, target: true, host: host}
	if g.Self.Container != "" && id == g.Self.Container {
		j.own("the container", "postern", "")
	}
	for _, field := range unknown {
		j.refuse(Violation{Field: field, Asks: "something unknown", Hint: "this version of postern does not know the field"})
	}
	j.object(host, "HostConfig", hostRules)
	for _, m := range mounts {
		j.mounted(m)
	}
	return j.violations
}

func (j *judge) refuse(v Violation) {
	// A client sends some settings twice, as docker does a network's name.
	same := func(o Violation) bool {
		o.Field = v.Field
		return o == v && v.Variable != "" && v.Flag != ""
	}
	if !slices.Contains(j.violations, v) && !slices.ContainsFunc(j.violations, same) {
		j.violations = append(j.violations, v)
	}
}

// any reports whether a variable allows everything.
func (j *judge) any(variable string) bool { return slices.Contains(j.lists[variable].items, "*") }

// wants refuses what an item of a list variable would have allowed.
func (j *judge) wants(field, asks, flag, variable, value string) {
	l := j.lists[variable]
	isSet := l.set && !l.none
	value = printable(strings.ReplaceAll(value, ",", `\,`))
	if variable == "GUARD_NETWORK" && !l.set && value != "bridge" {
		value = "bridge," + value // a value takes the default's place
	}
	j.refuse(Violation{Field: field, Asks: printable(asks), Flag: flag, Variable: j.Prefix + variable, Value: value, IsSet: isSet})
}

// never refuses what no variable allows.
func (j *judge) never(field, asks, flag, hint string) {
	j.refuse(Violation{Field: field, Asks: printable(asks), Flag: flag, Hint: hint})
}

// own refuses what would touch postern itself.
func (j *judge) own(field, asks, flag string) {
	hint := "what is postern's own is out of reach"
	if strings.HasPrefix(asks, "/") { // / or /run is nobody's own
		hint = "the engine's socket or a file of postern's own is there, out of reach"
	}
	j.refuse(Violation{Field: field, Asks: printable(asks), Flag: flag, Hint: hint, Own: true})
}

// Unlisted is what a client lacks that names a network or a volume of others: a list
// that has it. The client is told that there is none.
func (g *Guard) Unlisted(variable, name string) Violation {
	j := &judge{Guard: g}
	j.wants("the request", name, "", variable, name)
	return j.violations[0]
}

// object applies the rules to the fields of an object.
func (j *judge) object(o *body.Object, at string, rules rules) {
	for key, value := range o.All() {
		if isZero(value) {
			continue
		}
		field := key
		if at != "" {
			field = at + "." + key
		}
		if rule, known := rules[key]; known {
			rule(j, field, value)
		} else {
			j.never(field, show(value), "", "the guard has no rule for it")
		}
	}
}

// isZero reports whether a value asks for nothing. An empty list may ask for
// something: ReadonlyPaths=[] makes /proc writable.
func isZero(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case body.Number:
		return v == "0" || v == "-0"
	case body.Raw:
		return v == "null" || v == "{}" || v == "[]" || v == `""` || v == "0" || v == "false"
	case *body.Object:
		return v.Len() == 0
	}
	return false
}

// show is a value in a message.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case body.Number:
		return string(v)
	case body.Raw:
		return string(v)
	case bool:
		return fmt.Sprint(v)
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, show(item))
		}
		return strings.Join(all, ",")
	case *body.Object:
		return string(v.Encode())
	}
	return ""
}

// maxAsks is how much of a value a message shows, in bytes.
const maxAsks = 120

// printable is a value as it may stand in a message of one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxAsks {
		s = strings.ToValidUTF8(s[:maxAsks], "") + "..."
	}
	return s
}

func sortedKeys(m url.Values) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
