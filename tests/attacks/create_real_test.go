//go:build real

package attacks

import (
	"encoding/json"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// createAttack is a body of POST /containers/create that asks for power. {image},
// {box}, {boxid}, {volume} and {network} stand for the site's.
type createAttack struct {
	name, body string
	// header is a line in place of Content-Type: application/json, or "".
	header string
	// fails marks a body that the engine of this test refuses or ignores: there,
	// the attack is not real, and only the guarded proxy is asked.
	fails bool
}

func hostConfig(fields string) string { return `{"Image":"{image}","HostConfig":{` + fields + `}}` }

var createAttacks = []createAttack{
	{name: "privileged", body: hostConfig(`"Privileged":true`)},
	{name: "bind", body: hostConfig(`"Binds":["/etc:/h"]`)},
	{name: "read-only bind", body: hostConfig(`"Binds":["/etc:/h:ro"]`)},
	{name: "bind with two slashes", body: hostConfig(`"Binds":["//etc:/h"]`)},
	{name: "bind with dots", body: hostConfig(`"Binds":["/tmp/../etc:/h"]`)},
	{name: "bind of the socket", body: hostConfig(`"Binds":["/var/run/docker.sock:/s"]`)},
	{name: "bind among harmless ones", body: hostConfig(`"Binds":["/anonymous","/:/h"]`)},
	{name: "bind that shares its mounts", body: hostConfig(`"Binds":["/tmp:/h:rshared"]`), fails: true}, // where /tmp is no shared mount
	{name: "bind as a string", body: hostConfig(`"Binds":"/etc:/h"`), fails: true},
	{name: "bind after null", body: hostConfig(`"Binds":[null,"/etc:/h"]`), fails: true},
	{name: "another's volume by Binds", body: hostConfig(`"Binds":["{volume}:/h"]`)},
	{name: "another's volume by Mounts", body: hostConfig(`"Mounts":[{"Type":"volume","Source":"{volume}","Target":"/h"}]`)},
	{name: "another's volume, read-only", body: hostConfig(`"Binds":["{volume}:/h:ro"]`)},
	{name: "mount of an image", body: hostConfig(`"Mounts":[{"Type":"image","Source":"/etc","Target":"/h"}]`), fails: true},
	{name: "mount of a cluster's volume", body: hostConfig(`"Mounts":[{"Type":"cluster","Source":"x","Target":"/h","ClusterOptions":{}}]`), fails: true},
	{name: "mount after null", body: hostConfig(`"Mounts":[null,{"Type":"bind","Source":"/etc","Target":"/h"}]`), fails: true},
	{name: "mount of type bind", body: hostConfig(`"Mounts":[{"Type":"bind","Source":"/etc","Target":"/h"}]`)},
	{name: "mount of type bind, second", body: hostConfig(`"Mounts":[{"Type":"tmpfs","Target":"/t"},{"Type":"bind","Source":"/etc","Target":"/h","ReadOnly":true}]`)},
	{name: "mount with shared propagation", body: hostConfig(`"Mounts":[{"Type":"bind","Source":"/tmp","Target":"/h","BindOptions":{"Propagation":"rprivate"}}]`)},
	{name: "inline volume of a host path", body: hostConfig(`"Mounts":[{"Type":"volume","Source":"postern-test-inline-{unique}","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"bind","device":"/etc"}}}}]`)},
	{name: "inline volume of an overlay", body: hostConfig(`"Mounts":[{"Type":"volume","Source":"postern-test-inline-{unique}","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"overlay","o":"lowerdir=/etc:/usr","device":"overlay"}}}}]`)},
	{name: "inline volume of proc", body: hostConfig(`"Mounts":[{"Type":"volume","Source":"postern-test-inline-{unique}","Target":"/h","VolumeOptions":{"DriverConfig":{"Options":{"type":"proc","device":"proc"}}}}]`)},
	{name: "volumes of another", body: hostConfig(`"VolumesFrom":["{box}"]`)},
	{name: "volumes of another by id", body: hostConfig(`"VolumesFrom":["{boxid}:ro"]`)},
	{name: "volumes of another by a path", body: hostConfig(`"VolumesFrom":["/{box}:z"]`)},
	{name: "capability", body: hostConfig(`"CapAdd":["SYS_ADMIN"]`)},
	{name: "capability in lower case", body: hostConfig(`"CapAdd":["cap_sys_ptrace"]`)},
	{name: "all capabilities", body: hostConfig(`"CapAdd":["ALL"]`)},
	{name: "all capabilities as a string", body: hostConfig(`"CapAdd":"ALL"`)},
	{name: "all capabilities in lower case", body: hostConfig(`"CapAdd":["all"]`)},
	{name: "seccomp unconfined", body: hostConfig(`"SecurityOpt":["seccomp=unconfined"]`)},
	{name: "seccomp unconfined with a colon", body: hostConfig(`"SecurityOpt":["seccomp:unconfined"]`)},
	{name: "apparmor unconfined", body: hostConfig(`"SecurityOpt":["apparmor=unconfined"]`)},
	{name: "label disable", body: hostConfig(`"SecurityOpt":["label=disable"]`)},
	{name: "label disable as a bare word", body: hostConfig(`"SecurityOpt":["disable"]`), fails: true},
	{name: "security option as a string", body: hostConfig(`"SecurityOpt":"seccomp=unconfined"`), fails: true},
	{name: "own seccomp profile", body: hostConfig(`"SecurityOpt":["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]`)},
	{name: "no masked paths", body: hostConfig(`"MaskedPaths":[]`)},
	{name: "no read-only paths", body: hostConfig(`"ReadonlyPaths":[]`)},
	{name: "fewer masked paths", body: hostConfig(`"MaskedPaths":["/proc/asound"]`)},
	{name: "host pid", body: hostConfig(`"PidMode":"host"`)},
	{name: "another's pid", body: hostConfig(`"PidMode":"container:{box}"`)},
	{name: "another's pid by a path", body: hostConfig(`"PidMode":"container:/{box}"`)},
	{name: "host pid and a space", body: hostConfig(`"PidMode":"host "`), fails: true},
	{name: "host ipc", body: hostConfig(`"IpcMode":"host"`)},
	{name: "another's ipc", body: hostConfig(`"IpcMode":"container:{boxid}"`)},
	{name: "host uts", body: hostConfig(`"UTSMode":"host"`)},
	{name: "host user namespace", body: hostConfig(`"UsernsMode":"host"`)},
	{name: "another's uts", body: hostConfig(`"UTSMode":"container:{box}"`), fails: true},
	{name: "another's cgroup", body: hostConfig(`"Cgroup":"container:{box}"`)},
	{name: "host network", body: hostConfig(`"NetworkMode":"host"`)},
	{name: "another's network namespace", body: hostConfig(`"NetworkMode":"container:{box}"`)},
	{name: "another's network", body: hostConfig(`"NetworkMode":"{network}"`)},
	{name: "host network in capitals", body: hostConfig(`"NetworkMode":"HOST"`)},
	{name: "another's network by endpoint, keys in another case", body: `{"Image":"{image}","networkingconfig":{"endpointsconfig":{"{network}":{}}}}`},
	{name: "address on the shared network", body: `{"Image":"{image}","NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAMConfig":{"IPv4Address":"172.17.0.250"}}}}}`},
	{name: "options of an endpoint", body: `{"Image":"{image}","NetworkingConfig":{"EndpointsConfig":{"bridge":{"driveropts":{"a":"b"}}}}}`},
	{name: "links of an endpoint", body: `{"Image":"{image}","NetworkingConfig":{"EndpointsConfig":{"bridge":{"Links":["{box}:db"]}}}}`},
	{name: "hardware address on the shared network", body: `{"Image":"{image}","MacAddress":"02:42:ac:11:00:fa"}`},
	{name: "another's network by endpoint", body: `{"Image":"{image}","HostConfig":{"NetworkMode":"{network}"},"NetworkingConfig":{"EndpointsConfig":{"{network}":{"Aliases":["web"]}}}}`},
	{name: "host network by endpoint", body: `{"Image":"{image}","HostConfig":{"NetworkMode":"host"},"NetworkingConfig":{"EndpointsConfig":{"host":{}}}}`},
	{name: "device", body: hostConfig(`"Devices":[{"PathOnHost":"/dev/vda","PathInContainer":"/dev/vda","CgroupPermissions":"rwm"}]`)},
	{name: "device rule", body: hostConfig(`"DeviceCgroupRules":["b *:* rwm"]`)},
	{name: "device request", body: hostConfig(`"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]`)},
	{name: "device request by cdi", body: hostConfig(`"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["vendor.com/class=all"]}]`)},
	{name: "device request by cdi without a device", body: hostConfig(`"DeviceRequests":[{"Driver":"cdi"}]`)},
	{name: "cgroup parent", body: hostConfig(`"CgroupParent":"/system.slice"`)},
	{name: "runtime", body: hostConfig(`"Runtime":"io.containerd.runc.v2"`)},
	{name: "log to a host socket", body: hostConfig(`"LogConfig":{"Type":"syslog","Config":{"syslog-address":"unix:///var/run/docker.sock"}}`)},
	{name: "log to another machine", body: hostConfig(`"LogConfig":{"Type":"gelf","Config":{"gelf-address":"udp://127.0.0.1:9"}}`)},
	{name: "log with a file of the host", body: hostConfig(`"LogConfig":{"Type":"splunk","Config":{"splunk-url":"https://127.0.0.1:9","splunk-token":"x","splunk-capath":"/etc/shadow"}}`)},
	{name: "log to a socket of fluentd", body: hostConfig(`"LogConfig":{"Type":"fluentd","Config":{"fluentd-address":"unix:///var/run/docker.sock"}}`)},
	{name: "log tag that the engine computes", body: hostConfig(`"LogConfig":{"Type":"json-file","Config":{"tag":"{{range $.ContainerArgs}}x{{end}}"}}`)},
	{name: "links", body: hostConfig(`"Links":["{box}:db"]`)},
	{name: "port of the host", body: `{"Image":"{image}","ExposedPorts":{"80/tcp":{}},"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8123"}]}}}`},
	{name: "range of ports of the host", body: hostConfig(`"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8000-9000"}]}`)},
	{name: "weight of a host path", body: hostConfig(`"BlkioWeightDevice":[{"Path":"/etc/shadow","Weight":100}]`), fails: true},
	{name: "rate of a host path", body: hostConfig(`"BlkioDeviceReadBps":[{"Path":"/etc/shadow","Rate":1}]`)},
	{name: "rate of writing of a host path", body: hostConfig(`"BlkioDeviceWriteBps":[{"path":"/etc/shadow","rate":1}]`)},
	{name: "operations of a host path", body: hostConfig(`"BlkioDeviceReadIOps":[{"Path":"/etc/shadow","Rate":1}]`)},
	{name: "operations of writing of a host path", body: hostConfig(`"BlkioDeviceWriteIOps":[{"Path":"/etc/shadow","Rate":1}]`)},
	{name: "storage options", body: hostConfig(`"StorageOpt":{"size":"1G"}`), fails: true},
	{name: "sysctl", body: hostConfig(`"Sysctls":{"kernel.core_pattern":"|/x"}`)},
	{name: "sysctl by dots", body: hostConfig(`"Sysctls":{"kernel.shm/../core_pattern":"|/x"}`)},
	{name: "others killed first", body: hostConfig(`"OomScoreAdj":-1000`)},
	{name: "tmpfs that mounts the host's /sys again", body: hostConfig(`"Tmpfs":{"/sys/":"remount,rw"}`)},
	{name: "tmpfs that mounts /sys again by dots", body: hostConfig(`"Tmpfs":{"/t":"","/sys/.":"rw,remount"}`)},
	{name: "tmpfs that is a bind", body: hostConfig(`"Tmpfs":{"/t":"rbind"}`)},
	{name: "volume driver", body: hostConfig(`"VolumeDriver":"nfs","Binds":["x:/x"]`), fails: true},
	{name: "annotations", body: hostConfig(`"Annotations":{"run.oci.hooks":"/x"}`), fails: true},
	{name: "label that routes", body: `{"Image":"{image}","Labels":{"traefik.http.routers.x.rule":"Host(` + "`bank`" + `)"}}`},
	{name: "label that runs commands", body: `{"Image":"{image}","Labels":{"ofelia.job-local.x.command":"id"}}`},
	{name: "another's stamp", body: `{"Image":"{image}","Labels":{"postern.client":"admin"}}`},
	// Docker makes an anonymous volume for each of these paths. Podman mounts /etc, or
	// another's volume.
	{name: "bind as the path of a volume", body: `{"Image":"{image}","Volumes":{"/etc:/h":{}}}`, fails: true},
	{name: "another's volume as the path of one", body: `{"Image":"{image}","Volumes":{"{volume}:/h":{}}}`, fails: true},

	{name: "host configuration at the top", body: `{"Image":"{image}","Privileged":true,"Binds":["/:/h"]}`},
	{name: "host configuration at the top, null inside", body: `{"Image":"{image}","Privileged":true,"PidMode":"host","HostConfig":null}`},
	{name: "bind at the top in another case", body: `{"Image":"{image}","binds":["/:/h"]}`},
	{name: "capabilities at the top as a string", body: `{"Image":"{image}","CapAdd":"ALL"}`},
	{name: "list in place of the host configuration", body: `{"Image":"{image}","Privileged":true,"HostConfig":[]}`, fails: true},
	{name: "host configuration in another case", body: `{"Image":"{image}","hostconfig":{"privileged":true}}`},
	{name: "key with a long s", body: `{"Image":"{image}","HostConfig":{"Bindſ":["/:/h"]}}`},
	{name: "key with a Kelvin sign", body: `{"Image":"{image}","HostConfig":{"NetworKMode":"host","Networ` + "\u212a" + `Mode":"host"}}`},
	{name: "key twice, harmless first", body: hostConfig(`"Privileged":false,"Privileged":true`)},
	{name: "key twice in two cases", body: hostConfig(`"PidMode":"","pidmode":"host"`)},
	{name: "objects that merge", body: `{"Image":"{image}","HostConfig":{"Memory":0},"HostConfig":{"Privileged":true},"hostConfig":{"Memory":0}}`},
	{name: "objects that merge, harmless last", body: `{"Image":"{image}","HostConfig":{"Privileged":true},"HostConfig":{"Memory":0}}`},
	{name: "escaped key", body: `{"Image":"{image}","HostConfig":{"\u0050rivileged":true}}`},
	{name: "trailing data", body: hostConfig(`"Privileged":true`) + `]junk`},
	{name: "array around nothing", body: hostConfig(`"Privileged":true`) + `}}`},
	{name: "harmless body before it", body: `{"Image":"{image}"}` + hostConfig(`"Privileged":true`), fails: true},
	{name: "space and newline before the body", body: "\n \t" + hostConfig(`"Privileged":true`)},
	{name: "another media type", body: hostConfig(`"Privileged":true`), header: "Content-Type: application/json; charset=utf-8"},
	{name: "media type in another case", body: hostConfig(`"Privileged":true`), header: "Content-Type: APPLICATION/JSON"},
	{name: "list in place of a string", body: hostConfig(`"PidMode":["host"]`), fails: true},
	{name: "number in place of a boolean", body: hostConfig(`"Privileged":1`), fails: true},
	{name: "deep body", body: `{"Image":"{image}","Labels":` + strings.Repeat(`{"a":`, 5000) + `{}` + strings.Repeat(`}`, 5000) + `,"HostConfig":{"Privileged":true}}`, fails: true},
	{name: "mount type in another case", body: hostConfig(`"Mounts":[{"Type":"BIND","Source":"/etc","Target":"/h"}]`), fails: true},
	{name: "mount keys in another case", body: hostConfig(`"mounts":[{"type":"bind","SOURCE":"/etc","target":"/h"}]`)},
	{name: "mount with a key twice", body: hostConfig(`"Mounts":[{"Type":"tmpfs","Type":"bind","Source":"/etc","Target":"/h"}]`)},
	{name: "byte order mark", body: "\ufeff" + hostConfig(`"Privileged":true`), fails: true},
	{name: "two bytes a character", body: strings.ReplaceAll("\xff\xfe"+hostConfig(`"Privileged":true`), `"`, "\"\x00"), fails: true},
	{name: "form in name", body: hostConfig(`"Privileged":true`), header: "Content-Type: multipart/form-data", fails: true},
	{name: "no media type", body: hostConfig(`"Privileged":true`), header: "Content-Type: text/plain", fails: true},
	{name: "upgrade of the connection", body: hostConfig(`"Privileged":true`), header: "Connection: Upgrade\r\nUpgrade: tcp"},
	{name: "bind with a control character", body: hostConfig(`"Binds":["/etc\u0000:/h"]`), fails: true},
	{name: "kernel memory and unknown fields", body: hostConfig(`"Capabilities":["CAP_SYS_ADMIN"]`), fails: true},
	{name: "unknown field", body: hostConfig(`"HostUserNamespace":true`), fails: true},
	{name: "unknown field at the top", body: `{"Image":"{image}","Hooks":[{"path":"/x"}]}`, fails: true},
}

// TestCreateAttacks sends each body through an open and through a guarded proxy.
// The open one shows that the attack is real. Through the guarded one it is
// refused, or the container has none of the power.
func TestCreateAttacks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, attack := range createAttacks {
		t.Run(attack.name, func(t *testing.T) {
			t.Parallel()
			if powers, answer := s.create(t, s.open, attack); len(powers) == 0 && !attack.fails {
				t.Errorf("the attack has no power without a guard: %d %s", answer.Status, answer.Body)
			}
			powers, answer := s.create(t, s.guarded, attack)
			if len(powers) > 0 {
				t.Errorf("a guarded client has made a container with %q", powers)
			}
			// What is another's gets the engine's own words, as what does not exist.
			isAbsent := strings.Contains(answer.Body, "not found") || strings.Contains(strings.ToLower(answer.Body), "no such")
			if answer.Status >= 500 || answer.Status >= 400 && !strings.HasPrefix(answer.Message(), "postern: ") && !isAbsent {
				t.Errorf("the guard did not refuse it: %d %s", answer.Status, answer.Body)
			}
		})
	}
}

// create sends a body and returns the power of the container that it made.
func (s *site) create(t *testing.T, to harness.Endpoint, attack createAttack) ([]string, harness.Response) {
	t.Helper()
	name := harness.Unused(t)
	volume := "postern-test-inline-" + name
	t.Cleanup(func() { harness.RemoveAll(name); harness.Remove("/volumes/" + volume) })
	var headers []string
	if attack.header != "" {
		headers = append(headers, attack.header)
	}
	r := send(t, to, "POST", "/containers/create?name="+name, s.fill(attack.body, "{unique}", name), headers...)
	if !exists(t, name) {
		return nil, r
	}
	return s.powers(t, s.inspect(t, name)), r
}

// TestHarmlessBodiesPass asserts that what docker sends for a plain container
// passes: a guard that refuses all would withstand every attack.
func TestHarmlessBodiesPass(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, body := range []string{
		`{"Image":"{image}"}`,
		`{"Image":"{image}","HostConfig":{}}`,
		hostConfig(`"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"default","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,"CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"MaskedPaths":null,"ReadonlyPaths":null`),
		hostConfig(`"Binds":["/anonymous"],"Tmpfs":{"/t":"size=1m"},"CapDrop":["ALL"],"CapAdd":["NET_RAW","cap_chown"],"SecurityOpt":["no-new-privileges"],"Sysctls":{"net.ipv4.ip_unprivileged_port_start":"0"}`),
		hostConfig(`"Mounts":[{"Type":"tmpfs","Target":"/t"},{"Type":"volume","Target":"/v"}]`),
		`{"Image":"{image}","ExposedPorts":{"80/tcp":{}},"HostConfig":{"PublishAllPorts":true}}`,
		`{"Image":"{image}","HostConfig":{"NetworkMode":"none"}}`,
		`{"Image":"{image}","Labels":{"com.example.job":"7"},"Env":["A=1"],"Cmd":["sh","-c","true"],"Entrypoint":null}`,
	} {
		name := harness.Unused(t)
		r := send(t, s.guarded, "POST", "/containers/create?name="+name, s.fill(body))
		if r.Status != 201 {
			t.Errorf("%s\nis refused: %d %s", body, r.Status, r.Body)
			continue
		}
		c := s.inspect(t, name)
		if powers := s.powers(t, c); len(powers) > 0 {
			t.Errorf("%s\nhas %q", body, powers)
		}
		// What the client made it can see, start and remove.
		for _, request := range []string{"GET /containers/" + name + "/json", "POST /containers/" + c.ID + "/start", "DELETE /containers/" + c.ID[:12] + "?force=1"} {
			method, target, _ := strings.Cut(request, " ")
			if r := send(t, s.guarded, method, target, ""); r.Status >= 300 {
				t.Errorf("%s: %d %s", request, r.Status, r.Body)
			}
		}
	}
}

// TestRecreationPasses asserts that a body made from the engine's own inspect, as
// programs that recreate containers send it, passes.
func TestRecreationPasses(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	first, second := harness.Unused(t), harness.Unused(t)
	if r := send(t, s.guarded, "POST", "/containers/create?name="+first, s.fill(`{"Image":"{image}"}`)); r.Status != 201 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	var c struct {
		Config     map[string]json.RawMessage
		HostConfig json.RawMessage
	}
	json.Unmarshal([]byte(s.guarded.Get(t, "/containers/"+first+"/json").Body), &c)
	c.Config["HostConfig"] = c.HostConfig
	body, err := json.Marshal(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	if r := send(t, s.guarded, "POST", "/containers/create?name="+second, string(body)); r.Status != 201 {
		t.Errorf("%s\n%d %s", body, r.Status, r.Body)
	}
}

// TestGuardBindsDeclaredClients asserts that a guard without a prefix holds for a
// declared client that sets none of its own.
func TestGuardBindsDeclaredClients(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"CLIENT_CI_FROM": "127.0.0.1", "CLIENT_CI_CONTAINERS": "1", "CLIENT_CI_POST": "1"})
	for _, attack := range createAttacks[:3] {
		if powers, answer := s.create(t, s.guarded, attack); len(powers) > 0 || answer.Status != 403 {
			t.Errorf("%s: %d %s: %q", attack.name, answer.Status, answer.Body, powers)
		}
	}
}
