//go:build real

package limits

import (
	"fmt"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestNetworkIsSwappedBeforeTheStart asserts that a container does not come into another
// client's network that got the name of one that the container was made for. Before the
// first start the engine keeps the name alone, even of a network given by its id.
func TestNetworkIsSwappedBeforeTheStart(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	for _, connects := range []bool{false, true} {
		network, container := swapNetwork(t, ann, connects)
		for _, name := range []string{container, idOf(t, container)} {
			for _, verb := range []string{"start", "restart"} {
				fails(t, ann, "network "+network+" not found", verb+" "+name)
			}
		}
		if got := harness.ContainerNamed(t, container).Inspect("{{.State.Running}}{{range .NetworkSettings.Networks}} {{.NetworkID}}{{end}}"); strings.Contains(got, "true") {
			t.Errorf("the container is %s", got)
		}
		if got := harness.MustDocker(t, "network", "inspect", "--format", "{{len .Containers}}", network); strings.TrimSpace(got) != "0" {
			t.Errorf("the other's network has %s containers", got)
		}
		// The client's own one of the name is fine.
		harness.MustDocker(t, "network", "rm", network)
		must(t, ann, "network create "+network)
		must(t, ann, "start "+container)
	}
}

// swapNetwork has a client make a container for a network of its own, and then puts another
// network of the same name in its place. With connects, the client makes the container
// first and connects it.
func swapNetwork(t *testing.T, client harness.Endpoint, connects bool) (network, container string) {
	t.Helper()
	network, container = harness.Unused(t), harness.Unused(t)
	image := harness.Busybox(t)
	id := must(t, client, "network create "+network)
	if connects {
		must(t, client, "create --name "+container+" "+image+" sleep 1000")
		must(t, client, "network connect "+id+" "+container)
	} else {
		must(t, client, "create --name "+container+" --network "+id+" "+image+" sleep 1000")
	}
	must(t, client, "network rm "+network)
	harness.MustDocker(t, "network", "create", network)
	return network, container
}

// TestNetworkNamesAreTaken asserts that a client cannot make a network of the name that
// another client's has: this engine would allow it, and then start no container in
// either.
func TestNetworkNamesAreTaken(t *testing.T) {
	t.Parallel()
	ann, bob := two(t)
	name, container := harness.Unused(t), harness.Unused(t)
	id := must(t, ann, "network create "+name)
	r := ask(t, bob, "POST", "/networks/create", `{"Name":"%s","CheckDuplicate":false}`, name)
	if r.Status != 409 || strings.Contains(r.Body, id) {
		t.Errorf("a second network of the name: %d %s", r.Status, r.Body)
	}
	must(t, ann, "run -d --name "+container+" --network "+name+" "+harness.Busybox(t)+" sleep 1000")
	must(t, ann, "network disconnect "+name+" "+container)
	must(t, ann, "network connect "+name+" "+container)
	if got := harness.ContainerNamed(t, container).Inspect("{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}"); got != id {
		t.Errorf("the container is in %s, want %s", got, id)
	}
}

// TestNamesLikeIDs asserts that nothing that a client makes can stand in for another
// object by having its id for a name.
func TestNamesLikeIDs(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	other, own := harness.Unused(t), harness.Unused(t)
	image := harness.Busybox(t)
	harness.MustDocker(t, "create", "--name", other, image)
	must(t, ann, "create --name "+own+" "+image)
	id := idOf(t, other)
	for _, name := range []string{id, id[:12]} {
		for _, line := range []string{"create --name %s " + image, "rename " + own + " %s", "network create %s", "volume create %s", "commit " + own + " %s", "tag " + image + " %s", "tag " + image + " %s:1", "create -v %s:/x " + image} {
			if line := strings.ReplaceAll(line, "%s", name); docker(t, ann, line).Status == 0 {
				t.Errorf("docker %s succeeds", line)
			}
		}
	}
}

// TestPredefinedNetworks asserts that a scope takes nothing from what every client may
// use: the engine's own networks.
func TestPredefinedNetworks(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	for _, network := range []string{"bridge", "host", "none"} {
		name := harness.Unused(t)
		must(t, ann, fmt.Sprintf("run -d --name %s --network %s %s sleep 1000", name, network, harness.Busybox(t)))
		must(t, ann, "network inspect "+network)
		must(t, ann, "rm -f "+name)
	}
}

// TestPredefinedNetworkByID asserts that a create may say the id of the engine's own
// network beside its name, as Testcontainers does for Ryuk, and no other network's.
func TestPredefinedNetworkByID(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	image, own, hidden := harness.Busybox(t), harness.Unused(t), harness.Unused(t)
	must(t, ann, "network create "+own)
	harness.MustDocker(t, "network", "create", hidden)
	for id, want := range map[string]string{idOf(t, "bridge"): "", idOf(t, "bridge")[:12]: "", idOf(t, "host"): "is not bridge", idOf(t, own): "is not bridge", idOf(t, hidden): "not found"} {
		name := harness.Unused(t)
		body := `{"Image":"` + image + `","HostConfig":{"NetworkMode":"bridge"},"NetworkingConfig":{"EndpointsConfig":{"bridge":{"NetworkID":"` + id + `"}}}}`
		if r := ask(t, ann, "POST", "/containers/create?name=%s", body, name); (r.Status == 201) != (want == "") || !strings.Contains(r.Body, want) {
			t.Errorf("bridge with the id %s: %d %s, want %q", id, r.Status, r.Body, want)
		}
		if want != "" {
			continue
		}
		must(t, ann, "start "+name)
		if got := harness.ContainerNamed(t, name).Inspect("{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{$n.NetworkID}}{{end}}"); got != "bridge "+idOf(t, "bridge") {
			t.Errorf("with the id %s the container is in %s", id, got)
		}
	}
}

// TestConnectToNothing asserts that a container that does not run gets no end in a
// network that does not exist for the client. The engine would accept it.
func TestConnectToNothing(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	hidden, own := harness.Unused(t), harness.Unused(t)
	harness.MustDocker(t, "network", "create", hidden)
	must(t, ann, "create --name "+own+" "+harness.Busybox(t))
	for _, network := range []string{hidden, "absent", idOf(t, hidden), idOf(t, hidden)[:12]} {
		r := ask(t, ann, "POST", "/networks/%s/connect", `{"Container":"`+own+`"}`, network)
		if want := `{"message":"network ` + network + ` not found"}`; r.Status != 404 || strings.TrimSpace(r.Body) != want {
			t.Errorf("a connection to %s: %d %s, want %s", network, r.Status, r.Body, want)
		}
		r = ask(t, ann, "POST", "/networks/%s/connect", `{"Container":"absent"}`, network)
		if want := `{"message":"No such container: absent"}`; r.Status != 404 || strings.TrimSpace(r.Body) != want {
			t.Errorf("a connection of nothing to %s: %d %s, want %s", network, r.Status, r.Body, want)
		}
	}
	if got := harness.ContainerNamed(t, own).Inspect("{{len .NetworkSettings.Networks}}"); got != "1" {
		t.Errorf("the container has %s networks, want 1", got)
	}
	must(t, ann, "start "+own)
}

// TestRunSaysWhatIsMissing asserts that docker run tells which network or volume it cannot
// have, and does not pull the image instead.
func TestRunSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	network, volume, own := harness.Unused(t), harness.Unused(t), harness.Unused(t)
	harness.MustDocker(t, "network", "create", network)
	harness.MustDocker(t, "volume", "create", volume)
	for option, want := range map[string]string{"--network " + network: "network " + network + " not found", "--network absent": "network absent not found", "-v " + volume + ":/x": volume + ": no such volume"} {
		r := docker(t, ann, "run --name "+own+" "+option+" "+harness.Busybox(t))
		if !strings.Contains(r.Stderr, "daemon: ") || r.Status != 125 || !strings.Contains(r.Stderr, want) || strings.Contains(r.Stderr, "Unable to find image") {
			t.Errorf("docker run %s: %v", option, r)
		}
	}
}

// TestVolumeNameIsInvalid asserts that a name that no volume can have is the client's
// mistake, and told as that.
func TestVolumeNameIsInvalid(t *testing.T) {
	t.Parallel()
	ann, _ := two(t)
	body := `{"Image":"` + harness.Busybox(t) + `","HostConfig":{"Mounts":[{"Type":"volume","Source":"./data","Target":"/x"}]}}`
	if r := ask(t, ann, "POST", "/containers/create", body, "%s"); r.Status != 400 || !strings.Contains(r.Message(), "includes invalid characters") || strings.Contains(r.Message(), "did not say") {
		t.Errorf("a volume ./data: %d %s", r.Status, r.Body)
	}
}
