//go:build real

package attacks

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// request is a door that is open when a single request succeeds.
func request(name, method, target, body string, headers ...string) door {
	return door{name: name, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		r := send(t, to, method, s.fill(target), s.fill(body, "{new}", harness.Unused(t)), headers...)
		return r.Status < 400
	}}
}

// refused is a door that the engine of this test has not, or may not show. The guard has
// to refuse it by itself.
func refused(name, method, target, body string) door {
	return door{name: name, fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		r := send(t, to, method, s.fill(target), s.fill(body, "{new}", harness.Unused(t)))
		return r.Status < 400 || to == s.guarded && !strings.HasPrefix(r.Message(), "postern: ")
	}}
}

// requestDoors are doors of which a request or two tell whether they are open. They come in
// this order: some change what the next ones ask for.
var requestDoors = []door{
	request("inspect another's container", "GET", "/containers/{box}/json", ""),
	request("inspect it by id", "GET", "/containers/{boxid}/json", ""),
	request("inspect it in an old API", "GET", "/v1.24/containers/{box}/json", ""),
	request("logs of another's container", "GET", "/containers/{box}/logs?stdout=1", ""),
	request("output of another's container", "POST", "/containers/{box}/attach?logs=1&stdout=1", ""),
	request("terminal of another's container", "POST", "/containers/{box}/resize?h=1&w=1", ""),
	request("processes of another's container", "GET", "/containers/{box}/top", ""),
	request("processes with the arguments of ps", "GET", "/containers/{boxid}/top?ps_args=aux", ""),
	request("changes of another's container", "GET", "/containers/{box}/changes", ""),
	request("one value of statistics", "GET", "/containers/{box}/stats?stream=0&one-shot=1", ""),
	request("files of another's container", "GET", "/containers/{box}/archive?path=/data", ""),
	request("whether another's container has a file", "HEAD", "/containers/{box}/archive?path=/data", ""),
	request("the whole of another's container", "GET", "/containers/{box}/export", ""),
	request("a file by the copy of an old API", "POST", "/v1.23/containers/{box}/copy", `{"Resource":"/data"}`),
	request("a file into another's container", "PUT", "/containers/{box}/archive?path=/tmp", tarball("x", "x"), "Content-Type: application/x-tar"),
	request("exec in another's container", "POST", "/containers/{box}/exec", `{"Cmd":["id"]}`),
	request("kill another's container", "POST", "/containers/{boxid}/kill?signal=CONT", ""),
	request("pause another's container", "POST", "/containers/{box}/pause", ""),
	request("unpause another's container", "POST", "/containers/{box}/unpause", ""),
	request("rename another's container", "POST", "/containers/{box}/rename?name={box}-x", ""),
	request("limits of another's container", "POST", "/containers/{box}-x/update", `{"Memory":0,"CpuShares":2}`),
	request("restart another's container", "POST", "/containers/{boxid}/restart?t=0", ""),
	request("image of another's container", "POST", "/commit?container={box}-x", ""),
	request("stop another's container", "POST", "/containers/{boxid}/stop?t=0", ""),
	request("start another's container", "POST", "/containers/{boxid}/start", ""),
	request("remove another's container", "DELETE", "/containers/{boxid}?force=1", ""),

	request("inspect another's volume", "GET", "/volumes/{volume}", ""),
	request("create another's volume", "POST", "/volumes/create", `{"Name":"{volume}"}`),
	request("volume with another's stamp", "POST", "/volumes/create", `{"Name":"{new}","Labels":{"postern.client":"admin"}}`),
	request("network with another's stamp", "POST", "/networks/create", `{"Name":"{new}","labels":{"Postern.client":"admin"}}`),
	request("network with a label that routes", "POST", "/networks/create", `{"Name":"{new}","Labels":{"traefik.enable":"true"}}`),
	request("inspect another's network", "GET", "/networks/{network}", ""),
	request("remove another's volume", "DELETE", "/volumes/{volume}", ""),
	request("remove another's network", "DELETE", "/networks/{network}", ""),

	request("volume of a host path", "POST", "/volumes/create", `{"Name":"{new}","DriverOpts":{"type":"none","o":"bind","device":"/etc"}}`),
	request("volume of an overlay", "POST", "/volumes/create", `{"Name":"{new}","Driver":"local","DriverOpts":{"type":"overlay","o":"lowerdir=/etc:/usr","device":"overlay"}}`),
	request("volume of proc, keys in another case", "POST", "/volumes/create", `{"name":"{new}","driveropts":{"type":"proc","device":"proc"}}`),
	request("volume options twice", "POST", "/volumes/create", `{"Name":"{new}","DriverOpts":{},"driverOpts":{"type":"sysfs","device":"sysfs"}}`),
	request("volume of proc in an old API", "POST", "/v1.21/volumes/create", `{"Name":"{new}","DriverOpts":{"type":"proc","device":"proc"}}`),
	request("volume of another machine", "POST", "/volumes/create", `{"Name":"{new}","DriverOpts":{"type":"nfs","o":"addr=127.0.0.1","device":":/"}}`),
	request("network that only configures others", "POST", "/networks/create", `{"Name":"{new}","ConfigOnly":true}`),
	refused("network of a Swarm", "POST", "/networks/create", `{"Name":"{new}","Driver":"overlay"}`),
	refused("ingress network", "POST", "/networks/create", `{"Name":"{new}","Driver":"overlay","Ingress":true}`),
	refused("network from another's configuration", "POST", "/networks/create", `{"Name":"{new}","ConfigFrom":{"Network":"bridge"}}`),
	refused("volume of a cluster", "POST", "/volumes/create", `{"Name":"{new}","Driver":"x","ClusterVolumeSpec":{"Group":"x"}}`),

	refused("service that mounts a host path", "POST", "/services/create", `{"Name":"{new}","TaskTemplate":{"ContainerSpec":{"Image":"{image}","Mounts":[{"Type":"bind","Source":"/etc","Target":"/h"}]}}}`),
	refused("service that is a plugin", "POST", "/services/create", `{"Name":"{new}","TaskTemplate":{"Runtime":"plugin","PluginSpec":{"name":"x","remote":"x/y"}}}`),
	refused("service in the host's network", "POST", "/services/create", `{"Name":"{new}","TaskTemplate":{"ContainerSpec":{"Image":"{image}"},"Networks":[{"Target":"host"}]}}`),
	refused("service that gets a bind later", "POST", "/services/x/update?version=1", `{"TaskTemplate":{"ContainerSpec":{"Image":"{image}","Mounts":[{"Type":"bind","Source":"/etc","Target":"/h"}]}}}`),
	refused("secret with a driver", "POST", "/secrets/create", `{"Name":"{new}","Driver":{"Name":"x"}}`),
	refused("configuration with a template", "POST", "/configs/create", `{"Name":"{new}","Templating":{"Name":"golang"}}`),
	refused("privileges of a plugin", "GET", "/plugins/privileges?remote=127.0.0.1:1/x", ""),
	refused("plugin", "POST", "/plugins/pull?remote=127.0.0.1:1/x", `[]`),
	refused("checkpoint in a directory of the host", "POST", "/containers/{box}/checkpoints", `{"CheckpointID":"x","CheckpointDir":"/etc"}`),
	refused("container of Podman's own API", "POST", "/v4.0.0/libpod/containers/create", `{"image":"{image}","privileged":true}`),
	refused("manifest of Kubernetes", "POST", "/v4.0.0/libpod/play/kube", `{"kind":"Pod"}`),
	refused("operation of a later engine", "POST", "/containers/{box}/novel", ""),
	{name: "network of type macvlan", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		return send(t, to, "POST", "/networks/create", `{"Name":"`+harness.Unused(t)+`","Driver":"macvlan"}`).Status < 400
	}},
	{name: "start with a checkpoint's directory", fails: true, try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		name := own(t, s, to, sleeper)
		return send(t, to, "POST", "/containers/"+name+"/start?checkpoint=x&checkpoint-dir=/etc", "").Status < 400
	}},
	request("network with a subnet", "POST", "/networks/create", `{"Name":"{new}","IPAM":{"Config":[{"Subnet":"10.213.7.0/24"}]}}`),
	request("network with options", "POST", "/networks/create", `{"Name":"{new}","Options":{"com.docker.network.bridge.name":"postern9"}}`),
	request("network options in another case", "POST", "/networks/create", `{"Name":"{new}","options":{"com.docker.network.bridge.host_binding_ipv4":"0.0.0.0"}}`),

	request("tag on an image", "POST", "/images/{image}/tag?repo=postern-test-stolen&tag=1", ""),
	request("tag by a form", "POST", "/images/{image}/tag", "repo=postern-test-stolen&tag=2", form),
	request("remove the tag", "DELETE", "/images/postern-test-stolen:1?noprune=1", ""),
	request("load of an image", "POST", "/images/load", tarball("manifest.json", "[]"), "Content-Type: application/x-tar"),
	request("import of an image", "POST", "/images/create?fromSrc=-&repo=postern-test-stolen&tag=3", tarball("x", "x"), "Content-Type: application/x-tar"),
	{name: "pull of another image by a form", try: func(t *testing.T, s *site, to harness.Endpoint) bool {
		return strings.Contains(send(t, to, "POST", "/images/create?fromImage=a.invalid/x", "fromImage=b.invalid/x", form).Body, "b.invalid")
	}},
}
