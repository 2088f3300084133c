//go:build real

package attacks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// site is an engine with the things of others in it, an open proxy and a guarded
// one. Both allow every operation.
type site struct {
	open, guarded harness.Endpoint
	image         string
	// The container box, the volume and the network are another client's.
	box, boxID, volume, network string
	// plain is what the engine says of a container that asks for nothing.
	plain inspected
}

func newSite(t *testing.T, guard map[string]string) *site {
	t.Helper()
	start := func(settings map[string]string) harness.Endpoint {
		p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": harness.EngineSocket}, settings))
		return harness.TCP(p.Addr)
	}
	s := &site{image: harness.Busybox(t), box: harness.Box(t), volume: harness.Unused(t), network: harness.Unused(t)}
	s.open = start(nil)
	s.guarded = start(harness.With(map[string]string{"GUARD": "1"}, guard))
	harness.MustDocker(t, "volume", "create", s.volume)
	harness.MustDocker(t, "network", "create", s.network)
	s.boxID = strings.TrimSpace(harness.MustDocker(t, "inspect", "--format", "{{.Id}}", s.box))
	name := harness.Unused(t)
	harness.MustDocker(t, "create", "--name", name, s.image)
	s.plain = s.inspect(t, name)
	return s
}

// fill puts the names of the site into a text.
func (s *site) fill(text string, more ...string) string {
	pairs := []string{"{image}", s.image, "{box}", s.box, "{boxid}", s.boxID, "{volume}", s.volume, "{network}", s.network}
	return strings.NewReplacer(append(pairs, more...)...).Replace(text)
}

// send sends a request with a body. Headers are whole lines.
func send(t *testing.T, to harness.Endpoint, method, target, body string, headers ...string) harness.Response {
	t.Helper()
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Content-Type:") }) {
		headers = append(headers, "Content-Type: application/json")
	}
	headers = append(headers, fmt.Sprint("Content-Length: ", len(body)))
	return harness.Send(t, to.Dial(t), harness.Head(method, target, headers...)+body)
}

// inspected is the part of the engine's inspect that shows power.
type inspected struct {
	ID     string `json:"Id"`
	Config struct {
		Labels     map[string]string
		MacAddress string
	}
	Mounts []struct {
		Type, Name, Source, Driver string
		RW                         bool
	}
	NetworkSettings struct {
		Networks map[string]struct {
			Aliases    []string
			Links      []string
			IPAMConfig *struct{ IPv4Address, IPv6Address string }
			DriverOpts map[string]string
		}
	}
	HostConfig struct {
		Privileged, PublishAllPorts                                      bool
		Binds, CapAdd, SecurityOpt, VolumesFrom, Links, GroupAdd         []string
		MaskedPaths, ReadonlyPaths, DeviceCgroupRules                    []string
		PidMode, IpcMode, UTSMode, UsernsMode, NetworkMode, CgroupnsMode string
		Cgroup, CgroupParent, Runtime, VolumeDriver                      string
		OomScoreAdj                                                      int
		Devices, DeviceRequests, BlkioWeightDevice, BlkioDeviceReadBps   []any
		BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps   []any
		Mounts                                                           []any
		Sysctls, StorageOpt, Annotations, Tmpfs                          map[string]string
		LogConfig                                                        struct {
			Type   string
			Config map[string]string
		}
		PortBindings map[string][]struct{ HostIP, HostPort string }
	}
}

func (s *site) inspect(t *testing.T, container string) (c inspected) {
	t.Helper()
	r := harness.EngineEndpoint.Get(t, "/containers/"+container+"/json")
	if err := json.Unmarshal([]byte(r.Body), &c); err != nil || r.Status != 200 {
		t.Fatalf("inspect of %s: %d %s", container, r.Status, r.Body)
	}
	return c
}

// exists reports whether the engine has a container.
func exists(t *testing.T, container string) bool {
	t.Helper()
	return harness.EngineEndpoint.Get(t, "/containers/"+container+"/json").Status == 200
}

// defaultCapabilities are those that Docker gives a container.
var defaultCapabilities = strings.Fields("AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT")

// powers lists what a container has that no guarded client may give it while no
// GUARD_ variable is set.
func (s *site) powers(t *testing.T, c inspected) (all []string) {
	t.Helper()
	has := func(power bool, format string, args ...any) {
		if power {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	h := c.HostConfig
	has(h.Privileged, "Privileged")
	for _, m := range c.Mounts {
		has(m.Type != "volume" && m.Type != "tmpfs", "mount of type %s from %s", m.Type, m.Source)
		has(m.Name == s.volume, "another's volume")
		if m.Type == "volume" {
			var v struct {
				Driver  string
				Options map[string]string
			}
			json.Unmarshal([]byte(harness.EngineEndpoint.Get(t, "/volumes/"+m.Name).Body), &v)
			has(v.Driver != "local" || len(v.Options) > 0, "volume with driver %s and options %v", v.Driver, v.Options)
		}
	}
	for _, bind := range h.Binds {
		source, _, named := strings.Cut(bind, ":")
		has(named && strings.HasPrefix(source, "/"), "Binds %s", bind)
	}
	for _, mount := range h.Mounts {
		text, _ := json.Marshal(mount)
		has(!strings.Contains(string(text), `"volume"`) && !strings.Contains(string(text), `"tmpfs"`) || strings.Contains(string(text), "DriverConfig"), "Mounts %s", text)
	}
	for _, capability := range h.CapAdd {
		name := strings.TrimPrefix(strings.ToUpper(capability), "CAP_")
		has(!slices.Contains(defaultCapabilities, name), "CapAdd %s", capability)
	}
	for _, mode := range []string{h.PidMode, h.IpcMode, h.UTSMode, h.UsernsMode, h.NetworkMode, h.Cgroup} {
		has(mode == "host" || strings.Contains(mode, ":"), "namespace %s", mode)
	}
	has(h.CgroupnsMode != s.plain.HostConfig.CgroupnsMode && h.CgroupnsMode != "private", "CgroupnsMode %s", h.CgroupnsMode)
	has(h.Runtime != s.plain.HostConfig.Runtime, "Runtime %s", h.Runtime)
	has(h.CgroupParent != "", "CgroupParent %s", h.CgroupParent)
	for _, option := range h.SecurityOpt {
		has(!strings.HasPrefix(option, "no-new-privileges") && option != "seccomp=builtin", "SecurityOpt %s", option)
	}
	for _, path := range s.plain.HostConfig.MaskedPaths {
		has(!slices.Contains(h.MaskedPaths, path), "%s is not masked", path)
	}
	for _, path := range s.plain.HostConfig.ReadonlyPaths {
		has(!slices.Contains(h.ReadonlyPaths, path), "%s is writable", path)
	}
	has(len(h.Devices)+len(h.DeviceRequests)+len(h.DeviceCgroupRules) > 0, "devices")
	has(len(h.BlkioWeightDevice)+len(h.BlkioDeviceReadBps)+len(h.BlkioDeviceWriteBps)+len(h.BlkioDeviceReadIOps)+len(h.BlkioDeviceWriteIOps) > 0, "a host path that is looked at")
	has(h.OomScoreAdj < 0, "OomScoreAdj %d", h.OomScoreAdj)
	has(len(h.VolumesFrom) > 0, "VolumesFrom %v", h.VolumesFrom)
	has(len(h.Links) > 0, "Links %v", h.Links)
	has(h.VolumeDriver != "" && h.VolumeDriver != "local", "VolumeDriver %s", h.VolumeDriver)
	has(len(h.Annotations)+len(h.StorageOpt) > 0, "annotations or storage options")
	for name := range h.Sysctls {
		has(strings.Contains(name, "/") || !strings.HasPrefix(name, "net.") && !strings.HasPrefix(name, "fs.mqueue.") && !strings.HasPrefix(name, "kernel.msg") && !strings.HasPrefix(name, "kernel.sem") && !strings.HasPrefix(name, "kernel.shm"), "sysctl %s", name)
	}
	for path, options := range h.Tmpfs {
		has(strings.Contains(options, "bind") || strings.Contains(options, "remount"), "tmpfs on %s with %s", path, options)
	}
	has(!slices.Contains([]string{"json-file", "local", "none", "journald"}, h.LogConfig.Type), "log driver %s", h.LogConfig.Type)
	for option := range maps.Keys(h.LogConfig.Config) {
		has(!slices.Contains([]string{"max-size", "max-file", "compress", "tag", "labels", "labels-regex", "env", "env-regex", "mode", "max-buffer-size"}, option), "log option %s", option)
	}
	has(strings.Contains(h.LogConfig.Config["tag"], "{{range"), "log tag %s", h.LogConfig.Config["tag"])
	for port, bindings := range h.PortBindings {
		for _, b := range bindings {
			has(b.HostPort != "" && b.HostPort != "0", "port %s of the host for %s", b.HostPort, port)
		}
	}
	for name, endpoint := range c.NetworkSettings.Networks {
		has(name != "bridge" && name != "none" && name != "default", "network %s", name)
		has(len(endpoint.Links)+len(endpoint.DriverOpts) > 0, "links or options on network %s", name)
		has(endpoint.IPAMConfig != nil && endpoint.IPAMConfig.IPv4Address != "", "an address on network %s", name)
	}
	has(c.Config.MacAddress != "", "the hardware address %s", c.Config.MacAddress)
	for name, value := range c.Config.Labels {
		has(name == "postern.client" && value != "-", "the stamp of client %s", value)
		has(strings.HasPrefix(name, "traefik.") || strings.HasPrefix(name, "ofelia.") || strings.HasPrefix(name, "com.centurylinklabs.watchtower.lifecycle"), "label %s", name)
	}
	return all
}
