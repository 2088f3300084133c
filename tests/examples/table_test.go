package examples

// example is a folder of examples/.
type example struct {
	folder string
	file   string // has the settings of postern
	users  []user
}

// user is a program that postern serves.
type user struct {
	service  string // in the compose file
	client   string // as the settings of postern declare it, "" where they do not
	endpoint string // where it finds postern
	mounted  string // the same in its own container, where the volume is at another path there
	allowed  string // requests, separated by ", "
	refused  string
}

const (
	compose  = "docker-compose.yml"
	network  = "tcp://postern:2375"
	reads    = "GET /containers/json, GET /containers/none/json"
	controls = "POST /containers/none/restart, POST /containers/none/stop, DELETE /containers/none"
	// creates are as good as root on the host.
	creates = "POST /containers/create, POST /containers/none/exec, POST /exec/none/start, POST /build"
)

// dangers are refused to every program.
const dangers = "GET /swarm/unlockkey, POST /session, POST /grpc, POST /plugins/pull, GET /containers/none/export"

var traefik = user{
	service: "traefik", endpoint: network,
	allowed: reads + ", HEAD /_ping, GET /version, GET /events?until=1",
	refused: creates + ", " + controls + ", GET /containers/none/logs, GET /info, GET /images/json, GET /secrets",
}

var dozzle = user{
	service: "dozzle", endpoint: network,
	allowed: reads + ", HEAD /_ping, GET /info, GET /events?until=1, GET /containers/none/logs?stdout=1, GET /containers/none/stats?stream=0",
	refused: creates + ", " + controls + ", GET /containers/none/archive?path=/, POST /containers/none/attach, GET /services, GET /secrets",
}

// guarded has, for each example with a guard, what its program may create a container
// with, and what only this example refuses.
var guarded = map[string]struct{ allowed, refused []string }{
	"ci-guarded": {
		allowed: []string{`{"Image":"alpine","HostConfig":{"Binds":["ci-cache:/cache"],"Memory":1073741824}}`},
		refused: []string{`{"Image":"alpine","HostConfig":{"Memory":8589934592}}`, `{"Image":"alpine","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"80"}]}}}`},
	},
	"agent": {
		allowed: []string{`{"Image":"python:3","HostConfig":{"Binds":["agent-work:/work"],"NetworkMode":"none"}}`},
		refused: []string{
			`{"Image":"alpine","HostConfig":{"NetworkMode":"bridge"}}`, `{"Image":"evil.example/alpine","HostConfig":{"NetworkMode":"none"}}`,
			`{"Image":"alpine","HostConfig":{"NetworkMode":"none","PublishAllPorts":true}}`,
		},
	},
	"portainer-team": {
		allowed: []string{`{"Image":"alpine","HostConfig":{"Binds":["/srv/team-a/www:/www:ro"],"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}}}`},
		refused: []string{`{"Image":"alpine","HostConfig":{"Binds":["/srv/team-a:/www"]}}`, `{"Image":"alpine","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"80"}]}}}`},
	},
}

// escapes are bodies of creates that each guard refuses.
var escapes = []string{
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","Binds":["/:/host"]}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","Binds":["/var/run/docker.sock:/docker.sock"]}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","Privileged":true}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","PidMode":"host"}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"host"}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","CapAdd":["SYS_ADMIN"]}}`,
	`{"Image":"alpine","HostConfig":{"NetworkMode":"none","Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]}}`,
}

var examples = []example{
	{"traefik", compose, []user{traefik}},
	{"portainer", compose, []user{{
		service: "portainer", endpoint: network,
		allowed: reads + ", " + controls + ", GET /info, GET /images/json, GET /networks, GET /volumes, POST /containers/create, POST /containers/none/start, DELETE /volumes/none",
		refused: "POST /containers/none/exec, POST /exec/none/start, POST /containers/none/attach, POST /build, GET /containers/none/archive?path=/",
	}}},
	{"homepage", compose, []user{{
		service: "homepage", endpoint: network,
		allowed: reads + ", GET /containers/none/stats?stream=0",
		refused: creates + ", " + controls + ", GET /containers/none/logs, GET /services, GET /tasks, GET /secrets",
	}}},
	{"watchtower", compose, []user{{
		service: "watchtower", endpoint: network,
		allowed: reads + ", HEAD /_ping, POST /containers/none/kill, POST /containers/none/stop, POST /containers/create, POST /containers/none/start, " +
			"POST /containers/none/rename?name=other, DELETE /containers/none, GET /images/none/json, DELETE /images/none, POST /networks/no-such-network/connect",
		refused: "POST /containers/none/exec, POST /exec/none/start, POST /build, GET /containers/none/logs, POST /images/none/push, DELETE /volumes/none",
	}}},
	{"dozzle", compose, []user{dozzle}},
	{"ci-gitea", compose, []user{{
		service: "runner", endpoint: network,
		allowed: reads + ", GET /info, GET /version, POST /containers/create, POST /containers/none/start, POST /containers/none/wait, POST /containers/none/attach, " +
			"POST /containers/none/exec, POST /exec/none/start, PUT /containers/none/archive?path=/, DELETE /containers/none, GET /images/none/json, POST /build, " +
			"GET /networks, DELETE /networks/no-such-network, DELETE /volumes/none",
		refused: "GET /containers/none/logs, POST /images/none/push, POST /images/prune, GET /secrets",
	}}},
	{"ci-gitlab", compose, []user{{
		service: "runner", endpoint: network,
		allowed: "GET /info, GET /version, GET /containers/none/json, POST /containers/create, POST /containers/none/start, POST /containers/none/wait, " +
			"POST /containers/none/attach, POST /containers/none/stop, GET /containers/none/logs, DELETE /containers/none, GET /images/none/json, GET /networks, DELETE /volumes/none",
		refused: "POST /build, POST /images/none/push, GET /containers/none/archive?path=/, GET /secrets, GET /swarm",
	}}},
	{"ci-guarded", compose, []user{{
		service: "runner", endpoint: network,
		allowed: "GET /info, GET /version, GET /containers/none/json, POST /containers/none/start, POST /containers/none/wait, " +
			"POST /containers/none/attach, POST /containers/none/stop, GET /containers/none/logs, DELETE /containers/none, GET /images/none/json, GET /networks, DELETE /volumes/none",
		refused: "POST /build, POST /images/none/push, GET /containers/none/archive?path=/, GET /secrets, GET /swarm",
	}}},
	{"agent", compose, []user{{
		service: "agent", endpoint: network,
		allowed: reads + ", " + controls + ", GET /version, POST /containers/none/start, POST /containers/none/exec, GET /containers/none/logs?stdout=1, GET /images/json, GET /networks, GET /volumes",
		refused: "POST /build, POST /commit?container=none, GET /info, GET /secrets, GET /swarm, GET /services",
	}}},
	{"portainer-team", compose, []user{{
		service: "portainer", endpoint: network,
		allowed: reads + ", " + controls + ", GET /info, GET /images/json, GET /networks, GET /volumes, POST /containers/none/start, POST /containers/none/exec, DELETE /volumes/none",
		refused: "POST /build, GET /swarm, GET /services, GET /secrets, GET /plugins, POST /images/prune",
	}}},
	{"unix-socket", compose, []user{{
		service: "autoheal", endpoint: "unix:///run/postern/docker.sock",
		allowed: "GET /containers/json, POST /containers/none/restart?t=10",
		refused: creates + ", POST /containers/none/stop, DELETE /containers/none, GET /containers/none/json, GET /containers/none/logs, GET /secrets",
	}}},
	{"clients", compose, []user{
		{
			service: "traefik", client: "TRAEFIK", endpoint: network,
			allowed: reads + ", GET /version, GET /events?until=1",
			refused: creates + ", " + controls + ", GET /info, GET /containers/none/logs",
		}, {
			service: "portainer", client: "PORTAINER", endpoint: network,
			allowed: reads + ", " + controls + ", GET /info, POST /containers/none/exec, POST /containers/none/start, DELETE /volumes/none",
			refused: "GET /containers/none/archive?path=/, GET /secrets, GET /swarm, GET /services",
		}, {
			service: "watchtower", client: "WATCHTOWER", endpoint: network,
			allowed: reads + ", POST /containers/none/start, POST /containers/create, DELETE /containers/none",
			refused: "POST /containers/none/exec, POST /build, GET /containers/none/logs, DELETE /volumes/none",
		},
	}},
	{"swarm", "docker-stack.yml", []user{
		{
			service: "traefik", endpoint: "unix:///run/traefik/docker.sock",
			allowed: "HEAD /_ping, GET /version, GET /services, GET /tasks, GET /networks, GET /nodes/none",
			refused: creates + ", GET /containers/json, GET /swarm, GET /services/none/logs, POST /services/create, DELETE /nodes/none, GET /secrets",
		}, {
			service: "dozzle", client: "DOZZLE", endpoint: "unix:///run/dozzle/docker.sock", mounted: "unix:///var/run/docker.sock",
			allowed: dozzle.allowed, refused: dozzle.refused + ", GET /tasks",
		},
	}},
	{"podman", "postern.container", []user{traefik}},
	{"systemd", "postern.service", []user{{
		endpoint: "unix:///run/postern/docker.sock",
		allowed:  reads + ", GET /info, GET /images/json, GET /networks, GET /volumes, GET /system/df, GET /containers/none/logs?stdout=1",
		refused:  creates + ", " + controls + ", GET /containers/none/archive?path=/, GET /secrets",
	}}},
	{"prometheus", compose, []user{{
		service: "prometheus", endpoint: network,
		allowed: "HEAD /_ping, GET /containers/json, GET /networks",
		refused: creates + ", " + controls + ", GET /containers/none/json, GET /containers/none/logs, GET /info, GET /images/json",
	}}},
}
