//go:build real

package limits

import (
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestGuardAtTheStart asserts that a guarded client's container comes into no network
// that got the name of its own after the container was made, even with SCOPE=*, where
// the client sees that network.
func TestGuardAtTheStart(t *testing.T) {
	t.Parallel()
	ci := guarded(t, "SCOPE=*")
	for _, connects := range []bool{false, true} {
		network, container := swapNetwork(t, ci, connects)
		for _, name := range []string{container, idOf(t, container)} {
			fails(t, ci, "the container would come into the network "+network+", which is not the client's own", "start "+name)
			fails(t, ci, "which is not the client's own", "restart "+name)
		}
		if got := harness.MustDocker(t, "network", "inspect", "--format", "{{len .Containers}}", network); strings.TrimSpace(got) != "0" {
			t.Errorf("the network has %s containers", got)
		}
	}
}

// TestGuardedTargets asserts that a client reaches into a container that it sees only as
// far as it might have made it itself: unless the operator names the container.
func TestGuardedTargets(t *testing.T) {
	t.Parallel()
	image, label := harness.Busybox(t), harness.Unused(t)
	plain, privileged, mounts, hosts := harness.Unused(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	for name, flag := range map[string]string{plain: "--init", privileged: "--privileged", mounts: "--volume=/etc:/h", hosts: "--pid=host"} {
		harness.MustDocker(t, "create", "--name", name, "--label", "team="+label, flag, image, "sleep", "1000")
	}
	harness.MustDocker(t, "start", plain)
	ci := guarded(t, "SCOPE=label=team="+label, "GUARD_ARCHIVE=1", "GUARD_TAG=new")
	must(t, ci, "exec "+plain+" true")
	for name, text := range map[string]string{privileged: "the container's HostConfig.Privileged asks for true", mounts: "the container's HostConfig.Binds asks for /etc", hosts: "the container's HostConfig.PidMode asks for host"} {
		must(t, ci, "inspect "+name)
		for _, line := range []string{"exec " + name + " true", "cp " + name + ":/bin -", "export " + name, "commit " + name + " " + label} {
			fails(t, ci, text, line)
		}
		for _, flag := range []string{"--pid container:", "--network container:", "--volumes-from "} {
			fails(t, ci, "a client may join only what it might have made itself", "create "+flag+name+" --label team="+label+" "+image)
		}
	}
	// A name that the operator gives away whole is not taken by a rename.
	web := harness.Unused(t)
	fails(t, guarded(t, "SCOPE=label=team="+label, "EXEC=0", "ALLOW=ContainerExec:"+web), "HostConfig.Privileged", "rename "+privileged+" "+web)
	must(t, ci, "rename "+plain+" "+web)
	fails(t, guarded(t, "SCOPE=name="+privileged), "is not running", "exec "+privileged+" true") // the engine's words
	fails(t, guarded(t, "SCOPE=name="+privileged[:len(privileged)-1]+"*"), "HostConfig.Privileged", "exec "+privileged+" true")
}

// TestGuardProtectsPostern asserts that a guarded client of a postern in a container
// cannot reach that container, what it has mounted, or its image, whatever is listed.
func TestGuardProtectsPostern(t *testing.T) {
	t.Parallel()
	image, volume, label, other := harness.Busybox(t), harness.Unused(t), harness.Unused(t), harness.Unused(t)
	p := harness.StartStatic(t, harness.Mount(harness.EngineSocket), "--volume="+volume+":/sockets", "--label=team="+label, "--env=GUARD=1", "--env=SCOPE=label=team="+label,
		"--env=GUARD_VOLUME=/,"+volume+",/run/"+other+".sock", "--env=GUARD_ARCHIVE=1", "--env=GUARD_TAG=*", "--env=CONTAINERS=1", "--env=EXEC=1", "--env=POST=1",
		"--env=IMAGES=1", "--env=VOLUMES=1", "--env=NETWORKS=1", "--env=COMMIT=1", "--env=ALLOW_EXPORT=1")
	host := harness.TCP(strings.TrimPrefix(p.Host(), "tcp://"))
	const own = "out of reach"
	for _, line := range []string{
		"exec " + p.Name + " true", "stop " + p.Name, "rm -f " + p.Name, "rename " + p.Name + " " + other, "kill " + p.Name, "pause " + p.Name, "restart " + p.Name, "update --memory 64m " + p.Name, "network disconnect -f bridge " + p.Name, "network connect bridge " + p.Name,
		"export " + p.Name, "cp " + p.Name + ":/postern -",
		"create --label team=" + label + " -v /var/run/docker.sock:/s " + image, "create --label team=" + label + " -v /run:/s " + image, "create --label team=" + label + " -v /:/s " + image,
		"create --label team=" + label + " --mount type=bind,src=//run/./docker.sock,dst=/s " + image, "create --label team=" + label + " -v " + volume + ":/s " + image,
		"create --label team=" + label + " -v " + strings.TrimSpace(harness.MustDocker(t, "volume", "inspect", "--format", "{{.Mountpoint}}", volume)) + ":/s:ro " + image,
		"tag " + image + " " + image, "rmi -f " + image, "pull --platform linux/s390x " + image,
	} {
		fails(t, host, own, line)
	}
	// The container that was looked up last is another one.
	network, container := harness.Unused(t), harness.Unused(t)
	must(t, host, "network create --label team="+label+" "+network)
	must(t, host, "create --name "+container+" --label team="+label+" --network "+network+" "+image)
	fails(t, host, own, "network connect --link "+container+":x "+network+" "+p.Name)
	for _, flag := range []string{"--pid container:", "--network container:", "--volumes-from "} {
		fails(t, host, "a client may join only what it might have made itself", "create --label team="+label+" "+flag+p.Name+" "+image)
	}
	fails(t, host, "", "volume rm "+volume)
	if !p.Healthy() {
		t.Error("postern is not healthy")
	}
}
