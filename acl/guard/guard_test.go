package guard_test

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"postern/acl/body"
	"postern/acl/guard"
)

// settings parses "GUARD_CAP_ADD=NET_ADMIN GUARD_PUBLISH=80,81".
func settings(t testing.TB, s string) guard.Settings {
	t.Helper()
	environ := map[string]string{}
	for setting := range strings.FieldsSeq(s) {
		name, value, _ := strings.Cut(setting, "=")
		environ[name] = value
	}
	parsed, errs := guard.Parse("", environ)
	if len(errs) > 0 {
		t.Fatalf("%s: %v", s, errs)
	}
	return parsed
}

// lookup is an engine in which what begins with "own" is the client's, and the volumes
// and networks of all others are not.
var lookup = guard.Lookup{
	Network:    func(name string) (string, bool) { return networkNames(name), strings.HasPrefix(name, "own") },
	OwnVolume:  func(name string) bool { return strings.HasPrefix(name, "own") },
	ImageNames: func(string) []string { return []string{"golang:1.26", "golang@sha256:0123"} },
	NewTag:     func(reference string) bool { return strings.Contains(reference, "random") },
	Container: func(name string) []guard.Violation {
		if strings.HasPrefix(name, "own") {
			return nil
		}
		return []guard.Violation{{Field: "HostConfig.Privileged", Asks: "true"}}
	},
}

// networkNames knows the host's network by its id.
func networkNames(name string) string {
	if name == "f00000000000" {
		return "host"
	}
	return name
}

var self = guard.Self{
	Container: "5e1f", Paths: []string{"/var/run/docker.sock", "/run/postern"}, Sockets: []string{"/run/postern/ci.sock"},
	Volumes: []string{"postern_sockets"}, Tags: []string{"ghcr.io/owner/postern:latest"}, Project: "infra",
}

// judge returns the violations of a request, one a line.
func judge(t testing.TB, s, operation, name, query, text string) string {
	t.Helper()
	g := guard.Guard{Settings: settings(t, s), Client: "ci", Self: self, Reserved: []string{"traefik", "db-*", "backup.web", "ops.example.com"}}
	r := &guard.Request{Operation: operation, Name: name}
	var err error
	if r.Query, err = url.ParseQuery(query); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		if r.Body, r.Unknown, err = body.Read([]byte(text), body.ByOperation[operation], body.Drop); err != nil {
			return err.Error()
		}
	}
	if all := g.Judge(r, guard.Lookup{}); len(all) > 0 {
		return guard.Message(all)
	}
	return guard.Message(g.Judge(r, lookup))
}

// host puts fields of HostConfig into the body of a create.
func host(fields string) string { return `{"Image":"x","HostConfig":{` + fields + `}}` }

// TestCreate has the fields of docker create: settings, the body, and the refusal, or
// "" for a body that passes.
func TestCreate(t *testing.T) {
	t.Parallel()
	const mayJoin = ": a client may join only what it might have made itself"
	for _, test := range []struct{ settings, body, want string }{
		{"", `{"Image":"x"}`, ""},
		{"", `{"Image":"x","HostConfig":null,"NetworkingConfig":null}`, ""},
		{"", host(`"MaskedPaths":null,"Devices":[],"RestartPolicy":{"Name":"always"},"MemorySwappiness":-1`), ""},
		{"", `{"Image":"x","Privileged":true}`, "Privileged asks for something unknown: this version of postern does not know the field"},
		{"", host(`"Capabilities":["ALL"]`), "HostConfig.Capabilities asks for something unknown: this version of postern does not know the field"},
		{"", host(`"CapAdd":["SYS_ADMIN"],"PidMode":"host"`), "HostConfig.CapAdd asks for SYS_ADMIN (--cap-add): set GUARD_CAP_ADD=SYS_ADMIN; HostConfig.PidMode asks for host (--pid): set GUARD_NAMESPACE=pid=host"},
		{"", host(`"Mounts":[{"Type":"tmpfs","Source":"/root/x","Target":"/t"}]`), "HostConfig.Mounts asks for /root/x (--mount): only bind has a path of the host"},
		{"", host(`"Mounts":[{"Type":"image","Source":"/root/x","Target":"/t"}]`), "HostConfig.Mounts asks for /root/x (--mount): only bind has a path of the host"},
		{"", host(`"Mounts":[{"Type":"volume","Target":"/t","VolumeOptions":{"Subpath":"a,source=/etc"},"Consistency":"x\ny"}]`), "HostConfig.Mounts.VolumeOptions.Subpath asks for a,source=/etc (--mount): Podman would read options after the comma; HostConfig.Mounts.Consistency asks for x?y (--mount): Podman would read options after the comma"},
		{"", host(`"Tmpfs":{"/t":"rw,exec,size=1m"},"OomScoreAdj":500`), ""},
		{"", host(`"Tmpfs":{"/t":"rw,rbind"}`), "HostConfig.Tmpfs asks for the option rbind (--tmpfs): nothing permits it"},
		{"", host(`"Tmpfs":{"/t":"defaults,nosuid,size=1m,mode=1777,uid=1","/u":""}`), ""},
		{"", host(`"Tmpfs":{"/sys/":"remount,rw"}`), "HostConfig.Tmpfs asks for the option remount (--tmpfs): nothing permits it"},
		{"", host(`"Tmpfs":{"/t":"rw, BIND=1,rshared"}`), "HostConfig.Tmpfs asks for the option  BIND=1 (--tmpfs): nothing permits it; HostConfig.Tmpfs asks for the option rshared (--tmpfs): nothing permits it"},
		{"", host(`"Tmpfs":{"/t:rbind":""}`), "HostConfig.Tmpfs asks for /t:rbind (--tmpfs): it is no path: Podman would read options after the colon"},
		{"", host(`"OomScoreAdj":-1000`), "HostConfig.OomScoreAdj asks for -1000 (--oom-score-adj): others would be killed first"},
		{"", host(`"LogConfig":{"Type":"local","Config":{"tag":"{{.ImageName}}/{{ .Name }}/x","max-size":"1m","max-buffer-size":"4MB"}}`), ""},
		{"", host(`"LogConfig":{"Config":{"mode":"non-blocking","max-buffer-size":"100g"}}`), "HostConfig.LogConfig.Config asks for max-buffer-size 100g (--log-opt): the most is 99m"},
		{"", host(`"LogConfig":{"Config":{"tag":"{{range $.ContainerArgs}}x{{end}}"}}`), "HostConfig.LogConfig.Config asks for tag {{range $.ContainerArgs}}x{{end}} (--log-opt): only names such as {{.Name}} may stand in it"},

		// What Podman alone would obey.
		{"", `{"Image":"x","Volumes":{"/data":{}},"Env":["A=*","B"],"HostConfig":{"GroupAdd":["audio","0"]}}`, ""},
		{"GUARD_VOLUME=/etc", `{"Image":"x","Volumes":{"/etc:/h":{}}}`, "Volumes asks for /etc:/h (-v): it is no path: Podman would mount what is before the colon"},
		{"", `{"Image":"x","Env":["A=1","PASS*"]}`, "Env asks for PASS* (-e): Podman would hand on variables of its own"},
		{"", host(`"GroupAdd":["0,keep-groups"]`), "HostConfig.GroupAdd asks for 0,keep-groups (--group-add): nothing permits it"},
		{"GUARD_VOLUME=/srv:ro", host(`"Mounts":[{"Type":"bind","Source":"/srv","Target":"/h,U=true","ReadOnly":true}]`), "HostConfig.Mounts.Target asks for /h,U=true (--mount): Podman would read options after the comma"},

		// Binds.
		{"", host(`"Binds":["/:/host"]`), "HostConfig.Binds asks for / (-v): the engine's socket or a file of postern's own is there, out of reach"},
		{"", host(`"Binds":["/etc:/h:ro"]`), "HostConfig.Binds asks for /etc (-v): set GUARD_VOLUME=/etc:ro"},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srv/ci:/h","/srv:/s:rw,z,rprivate","/data"]`), ""},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srvx:/h"]`), "HostConfig.Binds asks for /srvx (-v): add /srvx to GUARD_VOLUME"},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srv/../etc:/h"]`), "HostConfig.Binds asks for /srv/../etc (-v): the path has .. in it"},
		{"GUARD_VOLUME=/srv", host(`"Binds":["//srv/.//ci/:/h"]`), ""},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srv\u0000/x:/h"]`), "HostConfig.Binds asks for /srv?/x (-v): the path has a control character"},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srv:/h:rshared"]`), "HostConfig.Binds asks for mode rshared of /srv (-v): only ro, rw, z, Z, nocopy, private and rprivate are allowed"},
		{"GUARD_VOLUME=/srv", host(`"Binds":["/srv:/h:ro:x"]`), "HostConfig.Binds asks for /srv:/h:ro:x (-v): it has too many colons"},
		{"GUARD_VOLUME=/srv:ro,/srv/ci", host(`"Binds":["/srv:/a:ro","/srv/ci/x:/b"]`), ""},
		{"GUARD_VOLUME=/srv:ro,/srv/ci", host(`"Binds":["/srv/other:/a"]`), "HostConfig.Binds asks for /srv/other writable (-v): mount it read-only, or list /srv without :ro in GUARD_VOLUME"},
		{"GUARD_VOLUME=/srv:ro", host(`"Binds":["/srv:/a:ro,Z"]`), "HostConfig.Binds asks for /srv with a new SELinux label (-v): a read-only path keeps its label"},
		{"GUARD_VOLUME=/run", host(`"Binds":["/run/docker.sock:/s"]`), "HostConfig.Binds asks for /run/docker.sock (-v): the engine's socket or a file of postern's own is there, out of reach"},
		{"GUARD_VOLUME=/var/run", host(`"Binds":["/var/run:/s"]`), "HostConfig.Binds asks for /var/run (-v): the engine's socket or a file of postern's own is there, out of reach"},
		{"GUARD_VOLUME=/run/postern", host(`"Binds":["/run/postern/other.sock:/s"]`), "HostConfig.Binds asks for /run/postern/other.sock (-v): the engine's socket or a file of postern's own is there, out of reach"},
		{"GUARD_VOLUME=/run/postern", host(`"Binds":["/run/postern/ci.sock:/s"]`), "HostConfig.Binds asks for /run/postern/ci.sock (-v): add /run/postern/ci.sock to GUARD_VOLUME"},
		{"GUARD_VOLUME=/run/postern/ci.sock", host(`"Binds":["/run/postern/ci.sock:/s"]`), ""},

		// Named volumes.
		{"", host(`"Binds":["own:/a","anonymous"]`), ""},
		{"", host(`"Binds":["portainer_data:/a"]`), "HostConfig.Binds asks for the volume portainer_data, which is not the client's own (-v): set GUARD_VOLUME=portainer_data"},
		{"GUARD_VOLUME=cache-*:ro,shared", host(`"Binds":["cache-1:/a:ro","shared:/b"]`), ""},
		{"GUARD_VOLUME=cache-*:ro", host(`"Binds":["cache-1:/a"]`), "HostConfig.Binds asks for the volume cache-1 writable (-v): mount it read-only, or list it without :ro in GUARD_VOLUME"},
		{"GUARD_VOLUME=*", host(`"Binds":["postern_sockets:/a"]`), "HostConfig.Binds asks for postern_sockets (-v): what is postern's own is out of reach"},
		{"", host(`"Binds":["../etc:/a"]`), "HostConfig.Binds asks for ../etc (-v): it is neither an absolute path nor the name of a volume"},
		{"", host(`"VolumeDriver":"rclone"`), "HostConfig.VolumeDriver asks for rclone (--volume-driver): make the volume outside, and list its name in GUARD_VOLUME"},
		{"", host(`"VolumesFrom":["own-db:ro"]`), ""},
		{"", host(`"VolumesFrom":["postern"]`), "HostConfig.VolumesFrom asks for container postern, whose HostConfig.Privileged has true (--volumes-from)" + mayJoin},

		// Mounts.
		{"", host(`"Mounts":[{"Type":"bind","Source":"/etc","Target":"/h"}]`), "HostConfig.Mounts asks for /etc (--mount): set GUARD_VOLUME=/etc"},
		{"GUARD_VOLUME=/srv:ro", host(`"Mounts":[{"Type":"bind","Source":"/srv","ReadOnly":true,"Target":"/h","BindOptions":{"CreateMountpoint":true}}]`), ""},
		{"GUARD_VOLUME=/srv", host(`"Mounts":[{"Type":"bind","Source":"/srv","BindOptions":{"Propagation":"rshared"}}]`), "HostConfig.Mounts.BindOptions.Propagation asks for rshared (--mount): only private and rprivate are allowed"},
		{"", host(`"Mounts":[{"Type":"BIND","Source":"/etc"}]`), "HostConfig.Mounts asks for type BIND (--mount): only bind, volume, tmpfs and image are allowed"},
		{"", host(`"Mounts":[{"Source":"/etc"}]`), "HostConfig.Mounts asks for type  (--mount): only bind, volume, tmpfs and image are allowed"},
		{"", host(`"Mounts":[{"Type":"volume"},{"Type":"volume","Source":"own"},{"Type":"tmpfs"}]`), ""},
		{"", host(`"Mounts":[{"Type":"volume","Source":"/etc"}]`), "HostConfig.Mounts asks for /etc (--mount): it is neither an absolute path nor the name of a volume"},
		{"", host(`"Mounts":[{"Type":"volume","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"proc"}}}}]`), `HostConfig.Mounts.VolumeOptions.DriverConfig.Options asks for {"type":"proc"} (--mount): make the volume outside, and list its name in GUARD_VOLUME`},
		{"", host(`"Mounts":[{"Type":"cluster","Source":"x","ClusterOptions":{}}]`), "HostConfig.Mounts asks for type cluster (--mount): only bind, volume, tmpfs and image are allowed"},
		{"", host(`"Mounts":[{"Type":"image","Source":"x","ImageOptions":{"Subpath":"a,source=/etc"}}]`), "HostConfig.Mounts.ImageOptions.Subpath asks for a,source=/etc (--mount): Podman would read options after the comma"},
		{"GUARD_IMAGE=golang", host(`"Mounts":[{"Type":"image","Source":"secret"}]`), "Image asks for x: add x to GUARD_IMAGE; HostConfig.Mounts asks for secret: add secret to GUARD_IMAGE"},

		// Namespaces.
		{"", host(`"PidMode":"container:own"`), ""},
		{"", host(`"PidMode":"container:web"`), "HostConfig.PidMode asks for container web, whose HostConfig.Privileged has true (--pid)" + mayJoin},
		{"", host(`"PidMode":"host "`), "HostConfig.PidMode asks for host  (--pid): nothing permits it"},
		{"", host(`"IpcMode":"shareable","CgroupnsMode":"private"`), ""},
		{"", host(`"IpcMode":"host","UTSMode":"host","UsernsMode":"host","CgroupnsMode":"host"`), "HostConfig.IpcMode asks for host (--ipc): set GUARD_NAMESPACE=ipc=host; HostConfig.UTSMode asks for host (--uts): set GUARD_NAMESPACE=uts=host; HostConfig.UsernsMode asks for host (--userns): set GUARD_NAMESPACE=userns=host; HostConfig.CgroupnsMode asks for host (--cgroupns): set GUARD_NAMESPACE=cgroupns=host"},
		{"GUARD_NAMESPACE=ipc=host,uts=host", host(`"IpcMode":"host","UTSMode":"host"`), ""},
		{"", host(`"UTSMode":"container:own"`), "HostConfig.UTSMode asks for container:own (--uts): nothing permits it"},
		{"", host(`"Cgroup":"container:own"`), "HostConfig.Cgroup asks for container:own: nothing permits it"},
		{"", host(`"Sysctls":{"net.core.somaxconn":"1","kernel.shmmax":"2","fs.mqueue.msg_max":"3"}`), ""},
		{"", host(`"Sysctls":{"kernel.core_pattern":"|x"}`), "HostConfig.Sysctls asks for kernel.core_pattern (--sysctl): only net.*, kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.* are allowed"},
		{"GUARD_NETWORK=host", host(`"NetworkMode":"host","Sysctls":{"net.ipv4.ip_forward":"1"}`), "HostConfig.Sysctls asks for net.ipv4.ip_forward (--sysctl): it would not be the container's own"},

		// Privileges.
		{"", host(`"Privileged":true`), "HostConfig.Privileged asks for true (--privileged): set GUARD_PRIVILEGED=1"},
		{"GUARD_PRIVILEGED=1", host(`"Privileged":true`), ""},
		{"", host(`"CapAdd":["chown","CAP_NET_RAW"],"CapDrop":["ALL"]`), ""},
		{"GUARD_CAP_ADD=net_admin", host(`"CapAdd":["CAP_NET_ADMIN"]`), ""},
		{"GUARD_CAP_ADD=net_admin", host(`"CapAdd":["all"]`), "HostConfig.CapAdd asks for ALL (--cap-add): add ALL to GUARD_CAP_ADD"},
		{"GUARD_CAP_ADD=*", host(`"CapAdd":["ALL","SYS_ADMIN"]`), ""},
		{"GUARD_CAP_ADD=-", host(`"CapAdd":["CHOWN"]`), "HostConfig.CapAdd asks for CHOWN (--cap-add): set GUARD_CAP_ADD=CHOWN"},
		{"", host(`"SecurityOpt":["no-new-privileges:true","seccomp=builtin"]`), ""},
		{"", host(`"SecurityOpt":["seccomp:unconfined","label=disable"]`), "HostConfig.SecurityOpt asks for seccomp=unconfined (--security-opt): set GUARD_SECURITY_OPT=seccomp=unconfined; HostConfig.SecurityOpt asks for label=disable (--security-opt): set GUARD_SECURITY_OPT=label=disable"},
		{"GUARD_SECURITY_OPT=seccomp=*", host(`"SecurityOpt":["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]`), ""},
		{"GUARD_SECURITY_OPT=seccomp=*", host(`"SecurityOpt":["seccomp=unconfined"]`), "HostConfig.SecurityOpt asks for seccomp=unconfined (--security-opt): add seccomp=unconfined to GUARD_SECURITY_OPT"},
		{"", host(`"MaskedPaths":[]`), "HostConfig.MaskedPaths asks for /proc/acpi as the host has it (--security-opt): set GUARD_SECURITY_OPT=systempaths=unconfined"},
		{"", host(`"ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sysrq-trigger"]`), "HostConfig.ReadonlyPaths asks for /proc/sys as the host has it (--security-opt): set GUARD_SECURITY_OPT=systempaths=unconfined"},
		{"", host(`"ReadonlyPaths":["/x","/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]`), ""},
		{"GUARD_SECURITY_OPT=systempaths=unconfined", host(`"MaskedPaths":[],"ReadonlyPaths":[]`), ""},
		{"", host(`"Runtime":"runc"`), ""},
		{"", host(`"Runtime":"runsc"`), "HostConfig.Runtime asks for runsc (--runtime): set GUARD_RUNTIME=runsc"},
		{"GUARD_RUNTIME=runsc", host(`"Runtime":"runsc"`), ""},
		{"GUARD_RUNTIME=runsc", host(`"Runtime":"/tmp/x"`), "HostConfig.Runtime asks for /tmp/x (--runtime): a runtime has a name without slashes"},
		{"", host(`"Annotations":{"run.oci.handler":"x"}`), `HostConfig.Annotations asks for {"run.oci.handler":"x"} (--annotation): runtimes obey them`},
		{"", host(`"CgroupParent":"/"`), "HostConfig.CgroupParent asks for / (--cgroup-parent): nothing permits it"},

		// Devices.
		{"", host(`"Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/x","CgroupPermissions":"rwm"}]`), "HostConfig.Devices asks for /dev/sda (--device): set GUARD_DEVICE=/dev/sda"},
		{"GUARD_DEVICE=/dev/snd,/dev/fuse:r", host(`"Devices":[{"PathOnHost":"/dev/snd/pcm"},{"PathOnHost":"/dev/fuse","CgroupPermissions":"r"}]`), ""},
		{"GUARD_DEVICE=/dev/fuse:r", host(`"Devices":[{"PathOnHost":"/dev/fuse"}]`), "HostConfig.Devices asks for /dev/fuse (--device): add /dev/fuse to GUARD_DEVICE"},
		{"GUARD_DEVICE=/dev/fuse:r", host(`"Devices":[{"PathOnHost":"/dev/fuse/../sda","CgroupPermissions":"r"}]`), "HostConfig.Devices asks for /dev/fuse/../sda (--device): the path has .. in it"},
		{"", host(`"DeviceCgroupRules":["a *:* rwm"]`), "HostConfig.DeviceCgroupRules asks for a *:* rwm (--device-cgroup-rule): list the devices in GUARD_DEVICE"},
		{"", host(`"DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]}]`), "HostConfig.DeviceRequests asks for gpu (--gpus): set GUARD_DEVICE=gpu"},
		{"GUARD_DEVICE=gpu", host(`"DeviceRequests":[{"Driver":"nvidia","Count":-1,"Capabilities":[["gpu","utility"]]}]`), ""},
		{"GUARD_DEVICE=gpu", host(`"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["v.com/c=x"]}]`), "HostConfig.DeviceRequests asks for v.com/c=x (--device): add cdi:v.com/c=x to GUARD_DEVICE"},
		{"GUARD_DEVICE=gpu", host(`"DeviceRequests":[{"Driver":"cdi","Capabilities":[["gpu"]]}]`), "HostConfig.DeviceRequests asks for driver cdi without a device (--device): nothing permits it"},
		{"GUARD_DEVICE=cdi:v.com/c=*", host(`"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["v.com/c=x"]}]`), ""},
		{"", host(`"BlkioDeviceReadBps":[{"Path":"/dev/sda","Rate":1}]`), "HostConfig.BlkioDeviceReadBps asks for /dev/sda:r (--device-read-bps): set GUARD_DEVICE=/dev/sda:r"},

		// Networks.
		{"", host(`"NetworkMode":"default"`), ""},
		{"", host(`"NetworkMode":"own-net"`), ""},
		{"", host(`"NetworkMode":"none"`), ""},
		{"", `{"Image":"x","HostConfig":{"NetworkMode":"other"},"NetworkingConfig":{"EndpointsConfig":{"other":{}}}}`, "HostConfig.NetworkMode asks for other (--network): set GUARD_NETWORK=bridge,other"},
		{"", host(`"NetworkMode":"host"`), "HostConfig.NetworkMode asks for host (--network): set GUARD_NETWORK=bridge,host"},
		{"GUARD_NETWORK=*", host(`"NetworkMode":"host"`), "HostConfig.NetworkMode asks for host (--network): add host to GUARD_NETWORK"},
		{"GUARD_NETWORK=*", host(`"NetworkMode":"f00000000000"`), "HostConfig.NetworkMode asks for host (--network): add host to GUARD_NETWORK"},
		{"GUARD_NETWORK=host", host(`"NetworkMode":"host"`), ""},
		{"GUARD_NETWORK=none", `{"Image":"x"}`, "HostConfig.NetworkMode asks for bridge (--network): add bridge to GUARD_NETWORK"},
		{"GUARD_NETWORK=proxy", host(`"NetworkMode":"proxy"`), ""},
		{"", host(`"NetworkMode":"container:web"`), "HostConfig.NetworkMode asks for container web, whose HostConfig.Privileged has true (--network)" + mayJoin},
		{"", host(`"NetworkMode":"ns:/proc/1/ns/net"`), "HostConfig.NetworkMode asks for ns:/proc/1/ns/net (--network): it is not the name of a network"},
		{"", `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"default":{"MacAddress":"","DriverOpts":null,"IPAMConfig":null}}}}`, ""},
		{"", `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"own":null}}}`, ""},
		{"", `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"own":{"IPAMConfig":{"IPv4Address":"10.0.0.5"},"Aliases":["a"],"Links":["own-db:db"],"MacAddress":"02:42:0a:00:00:05"}}}}`, ""},
		{"", `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"own":{"NetworkID":"secret"}}}}`, "NetworkingConfig.EndpointsConfig.own.NetworkID asks for secret (--network): set GUARD_NETWORK=bridge,secret"},
		{"GUARD_NETWORK=proxy", `{"Image":"x","HostConfig":{"NetworkMode":"proxy"},"NetworkingConfig":{"EndpointsConfig":{"proxy":{"Aliases":["app"]}}}}`, ""},
		{"GUARD_NETWORK=proxy", `{"Image":"x","HostConfig":{"NetworkMode":"proxy"},"NetworkingConfig":{"EndpointsConfig":{"proxy":{"Aliases":["Traefik"]}}}}`, `NetworkingConfig.EndpointsConfig.proxy.Aliases asks for Traefik (--network-alias): another client is known by this name`},
		{"GUARD_NETWORK=proxy", `{"Image":"x","HostConfig":{"NetworkMode":"proxy"},"NetworkingConfig":{"EndpointsConfig":{"proxy":{"IPAMConfig":{"IPv4Address":"10.0.0.5"}}}}}`, `NetworkingConfig.EndpointsConfig.proxy.IPAMConfig asks for {"IPv4Address":"10.0.0.5"} (--ip): only on networks of the client's own`},
		{"", `{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"own":{"DriverOpts":{"a":"b"}}}}}`, `NetworkingConfig.EndpointsConfig.own.DriverOpts asks for {"a":"b"} (--network): nothing permits it`},
		{"", host(`"Links":["db:db"]`), "HostConfig.Links asks for db:db (--link): use a network of your own, on which names work"},
		{"", `{"Image":"x","Hostname":"db-1"}`, "Hostname asks for db-1 (--hostname): another client is known by this name"},

		{"", `{"Image":"x","Hostname":"Backup"}`, "Hostname asks for Backup (--hostname): another client is known by this name"},
		{"", `{"Image":"x","Hostname":"ops"}`, ""},
		{"", host(`"IpcMode":"container:own-x","Sysctls":{"kernel.shmmax":"1"}`), "HostConfig.Sysctls asks for kernel.shmmax (--sysctl): it would not be the container's own"},
		{"", host(`"Sysctls":{"net/../kernel/core_pattern":"|/x"}`), "HostConfig.Sysctls asks for net/../kernel/core_pattern (--sysctl): only net.*, kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.* are allowed"},
		{"GUARD_DEVICE=gpu", host(`"DeviceRequests":[{"DeviceIDs":["vendor.com/class=all"],"Capabilities":[["gpu"]]}]`), "HostConfig.DeviceRequests asks for vendor.com/class=all (--device): add cdi:vendor.com/class=all to GUARD_DEVICE"},
		{"GUARD_VOLUME=/srv:ro", host(`"Mounts":[{"Type":"bind","Source":"/srv","ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}]`), "HostConfig.Mounts asks for /srv writable (--mount): mount it read-only, or list /srv without :ro in GUARD_VOLUME"},

		// Ports.
		{"", host(`"PublishAllPorts":true,"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":""},{"HostPort":"0"}],"81/tcp":null}`), ""},
		{"", host(`"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}`), "HostConfig.PortBindings asks for 8080 (-p): set GUARD_PUBLISH=8080"},
		{"GUARD_PUBLISH=8080-8090,127.0.0.1:53", host(`"PortBindings":{"80/tcp":[{"HostPort":"8080"},{"HostPort":"8081-8090"},{"HostIp":"127.0.0.1","HostPort":"53"}]}`), ""},
		{"GUARD_PUBLISH=8080-8090,127.0.0.1:53", host(`"PortBindings":{"80/tcp":[{"HostPort":"8090-8091"}]}`), "HostConfig.PortBindings asks for 8090-8091 (-p): add 8090-8091 to GUARD_PUBLISH"},
		{"GUARD_PUBLISH=127.0.0.1:53", host(`"PortBindings":{"53/udp":[{"HostIp":"","HostPort":"53"}]}`), "HostConfig.PortBindings asks for 53 (-p): add 53 to GUARD_PUBLISH"},
		{"GUARD_PUBLISH=80", host(`"PublishAllPorts":true,"PortBindings":{"80/tcp":[{}]}`), "HostConfig.PublishAllPorts asks for ports that the engine chooses (-P): add 0 to GUARD_PUBLISH; HostConfig.PortBindings asks for a port that the engine chooses (-p): add 0 to GUARD_PUBLISH"},
		{"GUARD_PUBLISH=*", host(`"PublishAllPorts":true,"PortBindings":{"80/tcp":[{"HostPort":"0"},{"HostPort":"22"},{"HostIp":"::1","HostPort":"1-65535"}]}`), ""},
		{"GUARD_PUBLISH=*", host(`"PortBindings":{"80/tcp":[{"HostPort":"0-65535"}]}`), "HostConfig.PortBindings asks for a port that the engine chooses (-p): add 0 to GUARD_PUBLISH"},

		// Images, logging, labels.
		{"GUARD_IMAGE=golang:1.*,ghcr.io/team/*", `{"Image":"golang:1.26"}`, ""},
		{"GUARD_IMAGE=golang:1.*,ghcr.io/team/*", `{"Image":"docker.io/library/golang:1.26"}`, ""},
		{"GUARD_IMAGE=golang", `{"Image":"golang@sha256:0123"}`, ""},
		{"GUARD_IMAGE=golang", `{"Image":"sha256:abc"}`, ""},
		{"GUARD_IMAGE=golang", `{"Image":"evil/golang"}`, "Image asks for evil/golang: add evil/golang to GUARD_IMAGE"},
		{"GUARD_IMAGE=ghcr.io/team/*", `{"Image":"abc0"}`, "Image asks for abc0: add abc0 to GUARD_IMAGE"},
		{"", host(`"LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}}`), ""},
		{"", host(`"LogConfig":{"Type":"syslog","Config":{"syslog-address":"unixgram:///run/x"}}`), "HostConfig.LogConfig.Type asks for syslog (--log-driver): only json-file, local, journald and none are allowed"},
		{"", host(`"LogConfig":{"Config":{"splunk-capath":"/etc/shadow"}}`), "HostConfig.LogConfig.Config asks for splunk-capath (--log-opt): the guard has no rule for it"},
		{"", `{"Image":"x","Labels":{"a":"b","com.docker.compose.project":"ci","postern.client":"ci"}}`, ""},
		{"", `{"Image":"x","Labels":{"Traefik.enable":"true"}}`, "Labels asks for Traefik.enable (--label): set GUARD_LABEL=traefik.enable"},
		{"", `{"Image":"x","Labels":{"com.centurylinklabs.zodiac.original-image":"evil"}}`, "Labels asks for com.centurylinklabs.zodiac.original-image (--label): set GUARD_LABEL=com.centurylinklabs.zodiac.original-image"},
		{"", `{"Image":"x","Labels":{"co.elastic.logs/raw":"[]"}}`, "Labels asks for co.elastic.logs/raw (--label): set GUARD_LABEL=co.elastic.logs/raw"},
		{"", `{"Image":"x","Labels":{"SWAG":"enable"}}`, "Labels asks for SWAG (--label): set GUARD_LABEL=swag"},
		{"", `{"Image":"x","Labels":{"swagger.ui":"on","com.datadoghq.tags.env":"ci"}}`, ""},
		{"GUARD_LABEL=traefik.*", `{"Image":"x","Labels":{"Traefik.enable":"true"}}`, ""},
		{"GUARD_LABEL=*", `{"Image":"x","Labels":{"postern.client":"alice"}}`, "Labels asks for postern.client=alice (--label): labels that begin with postern. are postern's"},
		{"", `{"Image":"x","Labels":{"com.docker.compose.project":"infra"}}`, "Labels asks for compose project infra (--label): what is postern's own is out of reach"},

		// Limits.
		{"GUARD_MEMORY=2g", host(`"Memory":3221225472,"MemorySwap":-1`), "HostConfig.Memory asks for 3221225472 (--memory): the most is GUARD_MEMORY=2g; HostConfig.MemorySwap asks for no limit (--memory-swap): the most is GUARD_MEMORY=2g"},
		{"GUARD_CPUS=1.5", host(`"NanoCpus":2000000000`), "HostConfig.NanoCpus asks for 2000000000 (--cpus): the most is GUARD_CPUS=1.5"},
		{"GUARD_CPUS=1.5", host(`"CpuQuota":160000`), "HostConfig.CpuQuota asks for 160000 (--cpu-quota): the most is GUARD_CPUS=1.5"},
		{"GUARD_CPUS=1.5", host(`"CpuQuota":150000`), ""},
		{"GUARD_CPUS=1.5", host(`"CpuRealtimeRuntime":950000,"Ulimits":[{"Name":"nofile","Hard":9},{"Name":"RTprio","Hard":-1}]`), "HostConfig.CpuRealtimeRuntime asks for 950000 (--cpu-rt-runtime): real-time processes would escape GUARD_CPUS; HostConfig.Ulimits asks for rtprio (--ulimit): real-time processes would escape GUARD_CPUS"},
		{"", host(`"CpuRealtimeRuntime":950000,"Ulimits":[{"Name":"rtprio","Hard":9}]`), ""},
		{"GUARD_PIDS_LIMIT=100", host(`"PidsLimit":-1`), "HostConfig.PidsLimit asks for no limit (--pids-limit): the most is GUARD_PIDS_LIMIT=100"},
	} {
		if got := judge(t, test.settings, "ContainerCreate", "", "", test.body); got != test.want {
			t.Errorf("%s %s:\ngot  %q\nwant %q", test.settings, test.body, got, test.want)
		}
	}
}

// TestOperations has what other requests ask for.
func TestOperations(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ settings, operation, name, query, body, want string }{
		{"", "ContainerCreate", "", "name=web&platform=linux", `{"Image":"x"}`, ""},
		{"", "ContainerCreate", "", "name=traefik", `{"Image":"x"}`, "query parameter name asks for traefik (--name): another client is known by this name"},
		{"", "ContainerCreate", "", "name=0123456789ab", `{"Image":"x"}`, "query parameter name asks for 0123456789ab: a name of 12 to 64 hexadecimal digits is read as an id"},
		{"", "ContainerCreate", "", "novel=1", `{"Image":"x"}`, "query parameter novel asks for 1: the guard has no rule for it"},
		{"", "ContainerRename", "web", "name=db-1", "", "query parameter name asks for db-1 (--name): another client is known by this name"},
		{"", "ContainerStart", "web", "detachKeys=ctrl-p", "", ""},
		{"", "ContainerStart", "web", "checkpoint=c&checkpoint-dir=/etc", "", "query parameter checkpoint asks for c (--checkpoint): nothing permits it; query parameter checkpoint-dir asks for /etc (--checkpoint-dir): nothing permits it"},
		{"", "ContainerKill", "web", "signal=KILL", "", ""},
		{"", "ContainerExec", "web", "", `{"Cmd":["sh"],"User":"0","AttachStdin":true}`, ""},
		{"", "ContainerExec", "web", "", `{"Cmd":["sh"],"Privileged":true}`, "Privileged asks for true (--privileged): set GUARD_PRIVILEGED=1"},
		{"GUARD_MEMORY=1g", "ContainerUpdate", "web", "", `{"Memory":536870912,"RestartPolicy":{"Name":"no"}}`, ""},
		{"GUARD_MEMORY=1g", "ContainerUpdate", "web", "", `{"Memory":2147483648}`, "Memory asks for 2147483648 (--memory): the most is GUARD_MEMORY=1g"},
		{"GUARD_PIDS_LIMIT=9", "ContainerUpdate", "web", "", `{"PidsLimit":0}`, "PidsLimit asks for no limit (--pids-limit): the most is GUARD_PIDS_LIMIT=9"},
		{"GUARD_CPUS=1", "ContainerUpdate", "web", "", `{"CpuPeriod":1000}`, "CpuPeriod asks for 1000 (--cpu-period): the most is GUARD_CPUS=1"},
		{"", "ContainerUpdate", "web", "", `{"Devices":[{"PathOnHost":"/dev/sda"}]}`, "Devices asks for /dev/sda (--device): set GUARD_DEVICE=/dev/sda"},
		{"", "PutContainerArchive", "web", "path=/", "", "the operation asks for files in a container (docker cp): set GUARD_ARCHIVE=1"},
		{"GUARD_ARCHIVE=1", "PutContainerArchive", "web", "path=/", "", ""},

		{"", "VolumeCreate", "", "", `{"Name":"cache","Driver":"local","DriverOpts":{},"Labels":{"a":"b"}}`, ""},
		{"", "VolumeCreate", "", "", `{"Driver":"rclone","DriverOpts":{"type":"none"}}`, `Driver asks for rclone (--driver): make the volume outside, and list its name in GUARD_VOLUME; DriverOpts asks for {"type":"none"} (--opt): make the volume outside, and list its name in GUARD_VOLUME`},
		{"", "VolumeCreate", "", "", `{"ClusterVolumeSpec":{"Group":"x"}}`, `ClusterVolumeSpec asks for {"Group":"x"}: nothing permits it`},
		{"", "NetworkCreate", "", "", `{"Name":"n","Driver":"bridge","IPAM":{"Driver":"default","Config":[],"Options":{}},"Options":{},"CheckDuplicate":true,"Internal":true}`, ""},
		{"", "NetworkCreate", "", "", `{"Name":"0123456789abcdef","Driver":"macvlan","Options":{"parent":"eth0"},"IPAM":{"Config":[{"Subnet":"10.0.0.0/8"}]}}`, `Name asks for 0123456789abcdef: a name of 12 to 64 hexadecimal digits is read as an id; Driver asks for macvlan (--driver): make the network outside, and list its name in GUARD_NETWORK; Options asks for {"parent":"eth0"} (--opt): make the network outside, and list its name in GUARD_NETWORK; IPAM.Config asks for {"Subnet":"10.0.0.0/8"} (--subnet): a subnet could take the host's routes; make the network outside, and list its name in GUARD_NETWORK`},
		{"", "NetworkConnect", "own", "", `{"Container":"own-web","EndpointConfig":{"IPAMConfig":{"IPv4Address":"10.0.0.5"}}}`, ""},
		{"", "NetworkConnect", "secret", "", `{"Container":"own-web"}`, "the network asks for secret (--network): set GUARD_NETWORK=bridge,secret"},
		{"GUARD_NETWORK=proxy", "NetworkConnect", "proxy", "", `{"Container":"own-web","EndpointConfig":{"Links":["own-db:db"]}}`, "EndpointConfig.Links asks for own-db:db (--link): only on networks of the client's own"},

		{"GUARD_IMAGE=golang", "ImageCreate", "", "fromImage=golang&tag=1.26", "", ""},
		{"GUARD_IMAGE=golang", "ImageCreate", "", "fromImage=evil&tag=sha256:0123", "", "fromImage asks for evil@sha256:0123: add evil@sha256:0123 to GUARD_IMAGE"},
		{"", "ImageCreate", "", "fromSrc=-&repo=x", "", "query parameter fromSrc asks for - (docker import): an imported image cannot be judged"},
		{"", "ImageCreate", "", "fromImage=ghcr.io/owner/postern&tag=latest&platform=linux/arm64", "", "fromImage asks for ghcr.io/owner/postern:latest: what is postern's own is out of reach"},
		{"", "ImageCreate", "", "fromImage=ghcr.io/owner/postern", "", "fromImage asks for ghcr.io/owner/postern: what is postern's own is out of reach"},
		{"", "ImageCreate", "", "fromImage=ghcr.io/owner/postern&tag=0.0.1", "", ""},
		{"", "ImageTag", "x", "repo=traefik&tag=v3", "", "repo asks for traefik:v3: set GUARD_TAG=traefik:v3, or new if nothing has the name"},
		{"GUARD_TAG=team/*", "ImageTag", "x", "repo=team/app&tag=v3", "", ""},
		{"GUARD_TAG=new", "ImageTag", "x", "repo=random1", "", ""},
		{"GUARD_TAG=new", "ImageTag", "x", "repo=traefik", "", "repo asks for traefik: add traefik to GUARD_TAG"},
		{"GUARD_TAG=*", "ImageTag", "x", "repo=ghcr.io/owner/postern", "", "repo asks for ghcr.io/owner/postern: what is postern's own is out of reach"},
		{"GUARD_TAG=*", "ImageTag", "x", "repo=0123456789ab", "", "repo asks for 0123456789ab: a name of 12 to 64 hexadecimal digits is read as an id"},
		{"GUARD_TAG=app:ci-*", "ImageTag", "x", "repo=app:ci-1&tag=prod", "", "repo asks for app:ci-1 with the tag prod: the engine takes one tag: leave it out of the name"},
		{"GUARD_TAG=*", "ImageTag", "x", "repo=docker.io/library/0123456789ab", "", "repo asks for docker.io/library/0123456789ab: a name of 12 to 64 hexadecimal digits is read as an id"},
		{"GUARD_IMAGE=golang:1.*", "ImageCreate", "", "fromImage=golang:1.2&tag=evil", "", "fromImage asks for golang:1.2 with the tag evil: the engine takes one tag: leave it out of the name"},
		{"GUARD_IMAGE=golang:latest", "ImageCreate", "", "fromImage=golang", "", "fromImage asks for golang: add golang to GUARD_IMAGE"},
		{"GUARD_IMAGE=golang:latest", "ImageCreate", "", "fromImage=golang:latest", "", ""},
		{"GUARD_TAG=app:v1", "ImagePush", "app", "tag=v1", "", ""},
		{"GUARD_TAG=app:latest", "ImagePush", "app", "", "", "the image asks for app with all tags: add app to GUARD_TAG"},
		{"GUARD_TAG=app", "ImagePush", "app", "", "", ""},
		{"", "ImagePush", "team/app", "tag=v1", "", "the image asks for team/app:v1: set GUARD_TAG=team/app:v1"},
		{"GUARD_TAG=golang", "ImageDelete", "sha256:abc", "", "", ""},
		{"GUARD_TAG=team/*", "ImageDelete", "abc0", "", "", "the image asks for golang:1.26: add golang:1.26 to GUARD_TAG"},
		{"", "ImageLoad", "", "", "", "the archive asks for tags of its own: set GUARD_TAG=*"},
		{"GUARD_TAG=*", "ImageLoad", "", "", "", ""},
		{"GUARD_TAG=app", "ImageCommit", "", "container=own&repo=app", `{"Labels":{"a":"b"}}`, ""},
		{"GUARD_TAG=app", "ImageCommit", "", "repo=app&changes=LABEL+Postern.client%3Dx", "", "query parameter changes asks for LABEL Postern.client=x (--change): labels that begin with postern. are postern's"},

		{"", "ImageCommit", "", `changes=ENV+A%3D%5C`, "", `query parameter changes asks for ENV A=\ (--change): a line may not go on in the next one`},

		{"GUARD_TAG=app", "ImageBuild", "", "t=app&t=app:v2&networkmode=default&version=1&labels=%7B%7D", "", ""},
		{"", "ImageBuild", "", "t=app&remote=http://x/&networkmode=host&cgroupparent=/", "", "query parameter cgroupparent asks for / (--cgroup-parent): nothing permits it; query parameter networkmode asks for host (--network): set GUARD_NETWORK=bridge,host; query parameter remote asks for http://x/ (the build context's URL): send the context; query parameter t asks for app (-t): set GUARD_TAG=app, or new if nothing has the name"},
		{"", "ImageBuild", "", "version=2&session=x", "", "query parameter session asks for BuildKit (docker build): set GUARD_BUILDKIT=1, or DOCKER_BUILDKIT=0 where docker runs"},
		{"GUARD_BUILDKIT=1", "ImageBuild", "", "version=2&session=x&remote=client-session", "", ""},
		{"", "ImageBuild", "", "dockerfile=docker/Dockerfile..ci", "", ""},
		{"", "ImageBuild", "", "dockerfile=../../etc/shadow", "", "query parameter dockerfile asks for ../../etc/shadow (-f): Podman would read files of the host"},
		{"", "ImageBuild", "", `dockerfile=["a","\u002e./x"]`, "", `query parameter dockerfile asks for ["a","\u002e./x"] (-f): Podman would read files of the host`},
		{"GUARD_BUILDKIT=1", "ImageBuild", "", `outputs=[{"Type":"local","Attrs":{}}]`, "", ""},
		{"GUARD_BUILDKIT=1", "ImageBuild", "", "outputs=type%3Dlocal,dest%3D/etc", "", "query parameter outputs asks for type=local,dest=/etc (--output): it is not a JSON list of outputs"},
		{"", "Session", "", "", "", "the connection asks for BuildKit (docker build): set GUARD_BUILDKIT=1, or DOCKER_BUILDKIT=0 where docker runs"},
		{"GUARD_BUILDKIT=1", "Grpc", "", "", "", ""},
		{"GUARD_CPUS=1", "ImageBuild", "", `ulimits=[{"Name":"\u0072tprio","Hard":9}]`, "", "query parameter ulimits asks for rtprio (--ulimit): real-time processes would escape GUARD_CPUS"},
		{"GUARD_CPUS=1", "ImageBuild", "", `ulimits=[{"Name":"nofile","Hard":9,"Soft":9}]`, "", ""},
		{"GUARD_MEMORY=1g", "ImageBuild", "", "memory=-1", "", "query parameter Memory asks for no limit (--memory): the most is GUARD_MEMORY=1g"},
		{"", "ImageBuild", "", `labels={"postern.client":"x"}`, "", "query parameter labels asks for postern.client=x (--label): labels that begin with postern. are postern's"},
	} {
		if got := judge(t, test.settings, test.operation, test.name, test.query, test.body); got != test.want {
			t.Errorf("%s %s %s %s:\ngot  %q\nwant %q", test.settings, test.operation, test.query, test.body, got, test.want)
		}
	}
}

// TestLimitsAreFilledIn asserts what a container gets that asks for no limit.
func TestLimitsAreFilledIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ settings, body, want string }{
		{"GUARD_MEMORY=1g GUARD_CPUS=1.5 GUARD_PIDS_LIMIT=9", `{"Image":"x"}`, `{"Image":"x","HostConfig":{"Memory":1073741824,"NanoCpus":1500000000,"PidsLimit":9}}`},
		{"GUARD_MEMORY=1g GUARD_CPUS=1.5 GUARD_PIDS_LIMIT=9", host(`"Memory":0,"NanoCpus":0,"PidsLimit":0`), `{"Image":"x","HostConfig":{"Memory":1073741824,"NanoCpus":1500000000,"PidsLimit":9}}`},
		{"GUARD_CPUS=2", host(`"CpuPeriod":50000`), `{"Image":"x","HostConfig":{"CpuPeriod":50000,"CpuQuota":100000}}`},
		{"GUARD_MEMORY=1g", host(`"MemorySwap":536870912`), `{"Image":"x","HostConfig":{"MemorySwap":536870912,"Memory":536870912}}`},
		{"", `{"Image":"x","Name":"y"}`, `{"Image":"x","HostConfig":{}}`},
		{"", host(`"ContainerIDFile":"/etc/passwd"`), `{"Image":"x","HostConfig":{}}`}, // Podman would remove it
		{"", `{"Image":"x","HostConfig":{},"NetworkingConfig":{"EndpointsConfig":{"bridge":{"IPAddress":"172.17.0.2","IPPrefixLen":16,"Aliases":["a"]}}}}`,
			`{"Image":"x","HostConfig":{},"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Aliases":["a"]}}}}`}, // Podman would give it the address
	} {
		g := guard.Guard{Settings: settings(t, test.settings)}
		o, _, err := body.Read([]byte(test.body), body.ContainerCreate, body.Drop)
		if err != nil {
			t.Fatal(err)
		}
		if all := g.Judge(&guard.Request{Operation: "ContainerCreate", Body: o}, guard.Lookup{}); len(all) > 0 {
			t.Errorf("%s: %v", test.body, all)
		}
		if got := string(o.Encode()); got != test.want {
			t.Errorf("%s: got %s, want %s", test.settings, got, test.want)
		}
	}
	r := &guard.Request{Operation: "ImageBuild", Query: url.Values{}}
	g := guard.Guard{Settings: settings(t, "GUARD_MEMORY=1g GUARD_CPUS=1.5")}
	if all := g.Judge(r, guard.Lookup{}); len(all) > 0 || r.Query.Encode() != "cpuperiod=100000&cpuquota=150000&memory=1073741824" {
		t.Errorf("got %v and the query %s of a build", all, r.Query.Encode())
	}
}

// TestTarget asserts which existing containers a client may reach into.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id, host string
		mounts   []guard.Mounted
		want     string
	}{
		{"a", `"MaskedPaths":["/proc/acpi","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware"],"Runtime":"runc","NetworkMode":"anything","Memory":0`, nil, ""},
		{"5e1f", ``, nil, "the container asks for postern: what is postern's own is out of reach"},
		{"a", `"Privileged":true,"MaskedPaths":[],"ReadonlyPaths":[]`, nil, "HostConfig.Privileged asks for true (--privileged): set GUARD_PRIVILEGED=1"},
		{"a", `"LogConfig":{"Type":"gelf","Config":{"gelf-address":"udp://logs:12201","tag":"{{index .ContainerLabels \"a\"}}"}}`, nil, ""}, // from daemon.json
		{"a", `"LogConfig":{"Type":"syslog","Config":{"syslog-address":"unixgram:///x"}}`, nil, "HostConfig.LogConfig.Type asks for syslog (--log-driver): only json-file, local, journald and none are allowed"},
		{"a", `"NetworkMode":"host"`, nil, "HostConfig.NetworkMode asks for host (--network): set GUARD_NETWORK=bridge,host"},
		{"a", `"PidMode":"container:web"`, nil, "HostConfig.PidMode asks for container web, whose HostConfig.Privileged has true (--pid): a client may join only what it might have made itself"},
		{"a", ``, []guard.Mounted{{Type: "bind", Source: "/etc", Propagation: "rprivate"}}, "Mounts asks for /etc (-v): set GUARD_VOLUME=/etc:ro"},
		{"a", ``, []guard.Mounted{{Type: "volume", Name: "portainer_data", RW: true}}, "Mounts asks for the volume portainer_data, which is not the client's own (-v): set GUARD_VOLUME=portainer_data"},
		{"a", ``, []guard.Mounted{{Type: "volume", Name: "own"}, {Type: "tmpfs"}}, ""},
		{"a", ``, []guard.Mounted{{Type: "npipe"}}, "Mounts asks for type npipe (--mount): nothing permits it"},
	} {
		g := guard.Guard{Settings: settings(t, "GUARD_MEMORY=1g"), Self: self, Engine: guard.Engine{LoggingDriver: "gelf"}}
		o, unknown, err := body.Read([]byte("{"+test.host+"}"), body.HostConfig, body.Drop)
		if err != nil {
			t.Fatal(err)
		}
		if got := guard.Message(g.Target(test.id, nil, o, test.mounts, unknown, lookup)); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

// TestMessage asserts that a message lists eight violations at most.
func TestMessage(t *testing.T) {
	t.Parallel()
	got := judge(t, "", "ContainerCreate", "", "", host(`"Binds":["/a:/a","/b:/b","/c:/c","/d:/d","/e:/e","/f:/f","/g:/g","/h:/h","/i:/i","/j:/j"]`))
	if !strings.HasSuffix(got, "set GUARD_VOLUME=/h; and 2 more") || strings.Count(got, ";") != 8 {
		t.Errorf("got %s", got)
	}
}

// BenchmarkJudge reads, judges twice and writes what docker run sends.
func BenchmarkJudge(b *testing.B) {
	data, err := os.ReadFile("../body/testdata/docker-run.json")
	if err != nil {
		b.Fatal(err)
	}
	g := guard.Guard{Settings: settings(b, "GUARD_VOLUME=/srv GUARD_PUBLISH=8080 GUARD_MEMORY=1g")}
	mine := guard.Lookup{OwnVolume: func(string) bool { return true }, Network: func(name string) (string, bool) { return name, true }}
	b.ReportAllocs()
	for b.Loop() {
		o, unknown, err := body.Read(data, body.ContainerCreate, body.Drop)
		if err != nil {
			b.Fatal(err)
		}
		r := &guard.Request{Operation: "ContainerCreate", Query: url.Values{"name": {"web"}}, Body: o, Unknown: unknown}
		if all := append(g.Judge(r, guard.Lookup{}), g.Judge(r, mine)...); len(all) > 0 {
			b.Fatal(all)
		}
		o.Encode()
	}
}
