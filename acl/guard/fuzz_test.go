package guard_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"postern/acl/body"
	"postern/acl/guard"
)

// engineBody is what engines up to 26.1 decode: a HostConfig within the body, or one
// beside it that counts while the inner one is absent.
type engineBody struct {
	*container.Config
	Inner *container.HostConfig `json:"HostConfig,omitempty"`
	*container.HostConfig
	NetworkingConfig struct {
		EndpointsConfig map[string]*struct {
			NetworkID  string
			DriverOpts map[string]string
		}
	}
}

// power returns what in a body that is forwarded reaches the host or another client, as
// the engine reads it, or "".
func power(forwarded []byte) string {
	var b engineBody
	if json.Unmarshal(forwarded, &b) != nil {
		return "" // the engine refuses it
	}
	h := b.Inner
	if h == nil {
		h = b.HostConfig
	}
	if h == nil {
		return ""
	}
	for _, bind := range h.Binds {
		if source, _, has := strings.Cut(bind, ":"); has && strings.HasPrefix(source, "/") && !strings.HasPrefix(source, "/srv/") {
			return "bind of " + source
		}
	}
	for _, m := range h.Mounts {
		switch {
		case m.Type == mount.TypeBind && !strings.HasPrefix(m.Source, "/srv/"):
			return "mount of " + m.Source
		case m.Type != mount.TypeBind && m.Type != mount.TypeVolume && m.Type != mount.TypeTmpfs && m.Type != mount.TypeImage:
			return "mount of type " + string(m.Type)
		case m.VolumeOptions != nil && m.VolumeOptions.DriverConfig != nil && len(m.VolumeOptions.DriverConfig.Options) > 0:
			return "driver options"
		case m.BindOptions != nil && strings.Contains(string(m.BindOptions.Propagation), "shared"):
			return "propagation"
		}
	}
	for _, c := range h.CapAdd {
		if c = strings.TrimPrefix(strings.ToUpper(c), "CAP_"); c == "ALL" || strings.HasPrefix(c, "SYS_A") {
			return "capability " + c
		}
	}
	for _, mode := range []string{string(h.PidMode), string(h.IpcMode), string(h.UTSMode), string(h.UsernsMode), string(h.CgroupnsMode), string(h.NetworkMode)} {
		if mode == "host" || strings.HasPrefix(mode, "container:victim") {
			return "namespace " + mode
		}
	}
	for name, e := range b.NetworkingConfig.EndpointsConfig {
		if name == "host" || strings.HasPrefix(name, "victim") || e != nil && (strings.HasPrefix(e.NetworkID, "victim") || len(e.DriverOpts) > 0) {
			return "network " + name
		}
	}
	for what, is := range map[string]bool{
		"Privileged": h.Privileged, "VolumesFrom": len(h.VolumesFrom) > 0 && !strings.HasPrefix(h.VolumesFrom[0], "own"),
		"Devices": len(h.Devices) > 0, "DeviceCgroupRules": len(h.DeviceCgroupRules) > 0, "DeviceRequests": len(h.DeviceRequests) > 0,
		"Links": len(h.Links) > 0, "Annotations": len(h.Annotations) > 0, "CgroupParent": h.CgroupParent != "",
		"MaskedPaths": h.MaskedPaths != nil && len(h.MaskedPaths) < 9, "ReadonlyPaths": h.ReadonlyPaths != nil && !slices.Contains(h.ReadonlyPaths, "/proc/sys"),
		"SecurityOpt": slices.ContainsFunc(h.SecurityOpt, func(s string) bool { return strings.Contains(s, "unconfined") || strings.Contains(s, "disable") }),
		"Runtime":     h.Runtime != "" && h.Runtime != "runc", "VolumeDriver": h.VolumeDriver != "" && h.VolumeDriver != "local",
		"LogConfig": h.LogConfig.Type == "syslog", "Memory": h.Memory <= 0 || h.Memory > 1<<30,
	} {
		if is {
			return what
		}
	}
	return ""
}

// pass returns what is forwarded of a body, or nil for one that is refused.
func pass(t *testing.T, g guard.Guard, in []byte) []byte {
	o, unknown, err := body.Read(in, body.ContainerCreate, body.Drop)
	if err != nil {
		return nil
	}
	for _, l := range []guard.Lookup{{}, lookup} {
		if all := g.Judge(&guard.Request{Operation: "ContainerCreate", Body: o, Unknown: unknown}, l); len(all) > 0 {
			return nil
		}
	}
	return o.Encode()
}

func fuzzed(t testing.TB) guard.Guard {
	return guard.Guard{Settings: settings(t, "GUARD_VOLUME=/srv GUARD_MEMORY=1g"), Self: self}
}

// FuzzGuard asserts that nothing dangerous is in what the engine reads of a body that
// passes. The input is the seed of a body made by the grammar below, and bytes to put
// into it.
func FuzzGuard(f *testing.F) {
	docker, err := os.ReadFile("../body/testdata/docker-run.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint64(1), docker)
	for seed := range uint64(64) {
		f.Add(seed, []byte(nil))
	}
	g := fuzzed(f)
	f.Fuzz(func(t *testing.T, seed uint64, in []byte) {
		if len(in) == 0 {
			in = randomBody(seed)
		}
		if out := pass(t, g, in); out != nil {
			if p := power(out); p != "" {
				t.Errorf("%s is forwarded as %s: %s", in, out, p)
			}
		}
	})
}

// TestRandomBodies does the same for 100,000 bodies of the grammar, or 20,000 with
// -short, and asserts that many of them pass and that many that do not are dangerous:
// else the test would show nothing.
func TestRandomBodies(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	g := fuzzed(t)
	passed, dangerous := 0, 0
	for seed := range uint64(n) {
		in := randomBody(seed)
		out := pass(t, g, in)
		switch {
		case out == nil && power(in) != "":
			dangerous++
		case out != nil:
			passed++
			if p := power(out); p != "" {
				t.Errorf("%s is forwarded as %s: %s", in, out, p)
			}
		}
	}
	if passed < n/50 || dangerous < n/10 {
		t.Errorf("of %d bodies %d passed, and %d that did not were dangerous", n, passed, dangerous)
	}
}

// grammar has values for the fields, the harmless ones first.
var grammar = map[string][]string{
	"Image": {`"x"`}, "Labels": {`{"a":"b"}`, `{"a":"b","a":"c"}`, `null`}, "Env": {`["A=b"]`, `null`},
	"HostConfig": {`null`, `{}`}, // the generator fills it
	"Binds":      {`["/srv/a:/a"]`, `["own:/a"]`, `null`, `[]`, `["/:/h"]`, `["//etc:/h"]`, `["/srv/../etc:/h:ro"]`, `["/etc:/h","/srv/a:/a"]`},
	"Mounts":     {`[]`, `[{"Type":"bind","Source":"/srv/a","Target":"/a"}]`, `[{"Type":"bind","source":"/etc","Target":"/a"}]`, `[{"Type":"volume","VolumeOptions":{"DriverConfig":{"Options":{"type":"proc"}}},"Target":"/a"}]`, `[{"Type":"cluster"}]`, `[{"type":"tmpfs","TYPE":"bind","Source":"/"}]`},
	"CapAdd":     {`null`, `["CHOWN"]`, `["ALL"]`, `["cap_sys_admin"]`, `"ALL"`},
	"Privileged": {`false`, `null`, `true`, `1`, `"true"`}, "PidMode": {`""`, `"host"`, `"container:victim"`, `"container:own"`},
	"IpcMode": {`"private"`, `"host"`}, "UTSMode": {`""`, `"host"`}, "UsernsMode": {`""`, `"host"`}, "CgroupnsMode": {`"private"`, `"host"`},
	"NetworkMode": {`"default"`, `"own"`, `"host"`, `"container:victim"`, `"victim"`}, "VolumesFrom": {`null`, `["own"]`, `["victim"]`},
	"Devices": {`[]`, `[{"PathOnHost":"/dev/sda"}]`}, "DeviceCgroupRules": {`null`, `["a *:* rwm"]`}, "DeviceRequests": {`null`, `[{"Count":-1}]`},
	"SecurityOpt": {`["no-new-privileges"]`, `["seccomp:unconfined"]`, `["label=disable"]`}, "MaskedPaths": {`null`, `[]`}, "ReadonlyPaths": {`null`, `[]`, `["/x"]`},
	"Runtime": {`"runc"`, `"evil"`}, "Annotations": {`{}`, `{"run.oci.handler":"x"}`}, "Links": {`null`, `["victim:x"]`}, "CgroupParent": {`""`, `"/"`},
	"VolumeDriver": {`"local"`, `"evil"`}, "LogConfig": {`{"Type":""}`, `{"Type":"syslog"}`}, "Memory": {`0`, `1048576`, `-1`, `9000000000`, `1e99`},
	"NetworkingConfig": {`null`, `{"EndpointsConfig":{"own":{}}}`, `{"EndpointsConfig":{"host":null}}`, `{"EndpointsConfig":{"own":{"NetworkID":"victim"}}}`, `{"endpointsconfig":{"own":{"driveropts":{"a":"b"}}}}`},
	"Novel":            {`null`, `0`, `1`, `{"a":1}`},
}

// randomBody makes a body: mostly harmless fields, now and then a dangerous one, in
// odd cases, twice, in the wrong place, escaped, or with something behind it.
func randomBody(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	names := make([]string, 0, len(grammar))
	for name := range grammar {
		names = append(names, name)
	}
	slices.Sort(names)
	object := func(n int) (fields []string) {
		for range n {
			name := names[r.IntN(len(names))]
			values := grammar[name]
			value := values[0]
			if r.IntN(3) == 0 {
				value = values[r.IntN(len(values))]
			}
			fields = append(fields, fmt.Sprintf("%s:%s", key(r, name), value))
			if r.IntN(12) == 0 { // again
				fields = append(fields, fmt.Sprintf("%s:%s", key(r, name), values[r.IntN(len(values))]))
			}
		}
		return fields
	}
	inner := "{" + strings.Join(object(1+r.IntN(5)), ",") + "}"
	outer := []string{`"Image":"x"`, key(r, "HostConfig") + ":" + inner}
	if r.IntN(4) == 0 {
		outer = append(outer, object(1)...)
	}
	r.Shuffle(len(outer), func(a, b int) { outer[a], outer[b] = outer[b], outer[a] })
	text := "{" + strings.Join(outer, ",") + "}"
	switch r.IntN(20) {
	case 0:
		text += "]junk"
	case 1:
		text += `{"HostConfig":{"Privileged":true}}`
	case 2: // one byte
		b := []byte(text)
		b[r.IntN(len(b))] = byte(r.IntN(256))
		text = string(b)
	}
	return []byte(text)
}

// key writes a key so that encoding/json still finds its field.
func key(r *rand.Rand, name string) string {
	switch r.IntN(10) {
	case 0:
		name = strings.ToLower(name)
	case 1:
		name = strings.ToUpper(name)
	case 2:
		name = strings.NewReplacer("s", "ſ", "k", "\u212a").Replace(name)
	case 3:
		i := r.IntN(len(name))
		return fmt.Sprintf("\"%s\\u%04x%s\"", name[:i], name[i], name[i+1:])
	}
	return `"` + name + `"`
}
