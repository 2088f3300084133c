package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestToggleValues asserts which values of a toggle besides 1 and 0 open a section.
func TestToggleValues(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	for _, test := range []struct {
		value string
		want  int
	}{
		{"1", 200}, {"true", 200}, {"YES", 200}, {"On", 200}, {"2", 200}, {"-1", 200},
		{"0", 403}, {"FALSE", 403}, {"no", 403}, {"off", 403}, {"00", 403}, {"", 403},
	} {
		t.Run(test.value, func(t *testing.T) {
			t.Parallel()
			// One that is off by default and one that is on.
			p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CONTAINERS": test.value, "VERSION": test.value})
			for _, target := range []string{"/containers/json", "/version"} {
				if got := p.Get(target).Status; got != test.want {
					t.Errorf("CONTAINERS=%[1]q VERSION=%[1]q: GET %s: status %d, want %d", test.value, target, got, test.want)
				}
			}
		})
	}
}

// TestMisspeltVariablesAreWarnings asserts a warning with the right name for a variable
// that looks like a mistake, and none for the usual variables of a container.
func TestMisspeltVariablesAreWarnings(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	want := map[string]string{
		"CONTAINER=1":                `CONTAINER="1" has no effect: did you mean CONTAINERS?`,
		"ALLOW_RESTART=1":            `ALLOW_RESTART="1" has no effect: did you mean ALLOW_RESTARTS?`,
		"containers=true":            `containers="true" has no effect: did you mean CONTAINERS?`,
		"NETWORK=yes":                `NETWORK="yes" has no effect: did you mean NETWORKS?`,
		"DELETE=0":                   `DELETE="0" has no effect: POST switches every method but GET and HEAD`,
		"PUT=1":                      `PUT="1" has no effect: POST switches every method but GET and HEAD`,
		"ALLOW_EVERYTHING=1":         `ALLOW_EVERYTHING="1" has no effect: there is no such toggle`,
		"LOGLEVEL=debug":             `LOGLEVEL="debug" has no effect: did you mean LOG_LEVEL?`,
		"SOCKETPATH=/x":              `SOCKETPATH="/x" has no effect: did you mean SOCKET_PATH?`,
		"PRESETS=traefik":            `PRESETS="traefik" has no effect: did you mean PRESET?`,
		"TZ=Mars/Olympus":            `unknown TZ="Mars/Olympus": times are in UTC; want a name such as Europe/Berlin`,
		"PORT=2376":                  `PORT="2376" has no effect: did you mean LISTEN=tcp://:2376?`,
		"LISTEN_ADDR=0.0.0.0:2375":   `LISTEN_ADDR="0.0.0.0:2375" has no effect: did you mean LISTEN=tcp://0.0.0.0:2375?`,
		"BIND_CONFIG=:::2375 v4v6":   `BIND_CONFIG=":::2375 v4v6" has no effect: did you mean LISTEN?`,
		"METRICS_PORT=9323":          `METRICS_PORT="9323" has no effect: did you mean METRICS_LISTEN=tcp://:9323?`,
		"DOCKER_HOST=unix:///x":      `DOCKER_HOST="unix:///x" has no effect: did you mean SOCKET_PATH?`,
		"ALOW=":                      `ALOW="" has no effect: did you mean ALLOW?`,
		"ALLO=ContainerList":         `ALLO="ContainerList" has no effect: did you mean ALLOW?`,
		"deny=*Prune":                `deny="*Prune" has no effect: did you mean DENY?`,
		"ALLOW_FORM=10.0.0.0/8":      `ALLOW_FORM="10.0.0.0/8" has no effect: did you mean ALLOW_FROM?`,
		"ALLOW_CONTAINERS=1":         `ALLOW_CONTAINERS="1" has no effect: did you mean CONTAINERS?`,
		"ALLOW_DELETE=1":             `ALLOW_DELETE="1" has no effect: POST switches every method but GET and HEAD`,
		"PRESET_TRAEFIK=1":           `PRESET_TRAEFIK has no effect: did you mean PRESET=traefik?`,
		"PRESET_TRAEFIK_SWARM=1":     `PRESET_TRAEFIK_SWARM has no effect: did you mean PRESET=traefik-swarm?`,
		"CONTAINERS_CREATE=1":        `CONTAINERS_CREATE="1" has no effect: did you mean ALLOW=ContainerCreate?`,
		"IMAGES_PULL=true":           `IMAGES_PULL="true" has no effect: did you mean ALLOW=ImageCreate?`,
		"NETWORKS_POST=1":            `NETWORKS_POST="1" has no effect: POST switches every method but GET and HEAD`,
		"VOLUMES_BACKUP=1":           `VOLUMES_BACKUP="1" has no effect: ALLOW names single operations, such as `,
		"CONTAINERS_FILE=/run/x":     `CONTAINERS_FILE="/run/x" has no effect: of all settings ALLOW and DENY alone can stand in a file; set CONTAINERS`,
		"FILE__DENY=/run/x":          `FILE__DENY="/run/x" has no effect: did you mean DENY_FILE?`,
		"SP_ALLOW_GET=/v1.*":         `SP_ALLOW_GET has no effect: ALLOW names operations by their ids, and postern explain /containers/json says the id`,
		"SP_ALLOWFROM=10.0.0.0/8":    `SP_ALLOWFROM has no effect: did you mean ALLOW_FROM?`,
		"SP_PROXYPORT=2375":          `SP_PROXYPORT has no effect: did you mean LISTEN?`,
		"SP_LOGJSON=true":            `SP_LOGJSON has no effect: did you mean LOG_FORMAT?`,
		"SP_NEW=1":                   `SP_NEW has no effect: it is a setting of wollomatic/socket-proxy: see postern help`,
		"SOCKGUARD_LISTEN_SOCKET=/x": `SOCKGUARD_LISTEN_SOCKET has no effect: did you mean LISTEN?`,
		"SOCKGUARD_ADMIN_TOKEN=xyz":  `SOCKGUARD_ADMIN_TOKEN has no effect: it is a setting of sockguard: see postern help`,
		"POSTERN_IMAGES=1":           `POSTERN_IMAGES has no effect: did you mean IMAGES?`,
		"PUID=1000":                  `PUID="1000" has no effect: did you mean RUN_AS?`,

		"SP_PORT=tcp://10.0.0.1:80":             "",
		"METRICS_LISTEN_PORT=tcp://10.0.0.1:80": "",
		"LISTEN_PORT=tcp://10.0.0.1:80":         "",
		"LISTEN_PORT_80_TCP=tcp://10.0.0.1:80":  "",
		"LISTEN_PORT_80_TCP_ADDR=10.0.0.1":      "",
		"LISTEN_SERVICE_PORT_HTTP=80":           "",
		"SOCKGUARD_SERVICE_HOST=10.0.0.1":       "",
		"POSTERN_PORT=tcp://10.0.0.1:2375":      "",
		"ALLOW_NAME=/web/allow":                 "",
		"CONTAINERS_ENV_PATH=/bin":              "",
		"KUBERNETES_SERVICE_HOST=10.0.0.1":      "",
		"KUBERNETES_PORT=tcp://10.0.0.1:443":    "",
		"HTTP_PROXY=http://10.0.0.1:3128":       "",
		"https_proxy=http://10.0.0.1:3128":      "",
		"NO_PROXY=localhost":                    "",
		"LISTEN_FDS=1":                          "",
		"SHLVL=1":                               "",
		"COLUMNS=80":                            "",
		"container=podman":                      "",
		"NODE_TLS_REJECT_UNAUTHORIZED=0":        "",
		"BUILD_NUMBER=42":                       "",
		"IMAGE_TAG=20":                          "",
		"SSL_CERT_FILE=/etc/ssl/cert.pem":       "",
		"HOST=1":                                "",
		"PATH=/usr/bin":                         "",
		"HOME=/":                                "",
		"HOSTNAME=4be2b8a6f1":                   "",
		"TERM=xterm":                            "",
		"LANG=C":                                "",
		"no_proxy=1":                            "",
		"NODE=worker-1":                         "",
	}
	environ := map[string]string{"SOCKET_PATH": socket}
	var warnings []string
	for setting, warning := range want {
		name, value, _ := strings.Cut(setting, "=")
		environ[name] = value
		if warning != "" {
			warnings = append(warnings, warning)
		}
	}
	p := harness.Start(t, environ)
	var got []string
	for _, e := range p.Log() {
		if e["level"] == "warn" {
			got = append(got, e["message"].(string))
		}
	}
	slices.Sort(got)
	slices.Sort(warnings)
	if !slices.EqualFunc(got, warnings, strings.HasPrefix) {
		t.Errorf("warnings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(warnings, "\n"))
	}
	if got := p.Get("/containers/json").Status; got != 403 {
		t.Errorf("GET /containers/json: status %d with only misspelt variables, want 403", got)
	}
}

// TestPatternFilesAddToAllowAndDeny asserts that ALLOW_FILE and DENY_FILE add to
// ALLOW and DENY.
func TestPatternFilesAddToAllowAndDeny(t *testing.T) {
	t.Parallel()
	dir := harness.SocketDir(t)
	allow, deny := filepath.Join(dir, "allow"), filepath.Join(dir, "deny")
	for file, text := range map[string]string{
		allow: "# what the dashboard needs\nContainerList\n\n  ImageList # not the rest\r\n",
		deny:  "*Top\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	environ := map[string]string{"ALLOW": "ContainerTop,ContainerStats", "ALLOW_FILE": allow, "DENY_FILE": deny}
	r := harness.Run(t, environ, "explain", "--json")
	var report struct {
		Operations []struct {
			ID, Rule string
			Allowed  bool
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &report); err != nil {
		t.Fatalf("%v\n%s", err, r.Stderr)
	}
	rules := map[string]string{}
	for _, op := range report.Operations {
		rules[op.ID] = op.Rule
	}
	for id, want := range map[string]string{
		"ContainerList": "ALLOW=ContainerList", "ImageList": "ALLOW=ImageList", "ContainerStats": "ALLOW=ContainerStats",
		"ContainerTop": "DENY=*Top", "ImageInspect": "IMAGES=0",
	} {
		if rules[id] != want {
			t.Errorf("%s is decided by %q, want %q", id, rules[id], want)
		}
	}
}
