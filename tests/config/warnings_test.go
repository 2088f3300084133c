package config

import (
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestToggleThatOpensNothingIsAWarning asserts a warning of each toggle that is on
// and has no effect because of another, and none where it has one.
func TestToggleThatOpensNothingIsAWarning(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	const post = "POST=1 opens nothing: no section is on in which there is something to write; set one, such as CONTAINERS=1"
	for _, test := range []struct {
		environ string
		want    []string
	}{
		{"POST=1", []string{post}},
		{"POST=1 INFO=1", []string{post}},
		{"POST=1 PRESET=traefik", []string{post}},
		{"CLIENT_A_FROM=192.0.2.1 CLIENT_A_POST=1", []string{"CLIENT_A_" + strings.ReplaceAll(post, "CONTAINERS", "CLIENT_A_CONTAINERS")}},
		{"BUILD=1", []string{"BUILD=1 opens nothing without POST=1"}},
		{"ALLOW_LOGS=1", []string{"ALLOW_LOGS=1 opens nothing without CONTAINERS=1"}},
		{"TZ='Europe/Berlin'", []string{`unknown TZ="'Europe/Berlin'": times are in UTC; want Europe/Berlin without the quotes`}},
		{"CONTAINERS=1 POST=1 ALLOW=ContainerRestart:web", []string{"ALLOW=ContainerRestart:web limits nothing: CONTAINERS=1 allows ContainerRestart on all"}},
		{"CONTAINERS=1 ALLOW=ContainerRestart:web", nil},
		{"CONTAINERS=1 SCOPE=mine", []string{"SCOPE=mine: a client sees nothing, since it may make neither containers nor networks nor volumes; SCOPE=* shows all"}},
		{"CONTAINERS=1 POST=1 SCOPE=mine CLIENT_A_FROM=192.0.2.1 CLIENT_A_INFO=1", []string{"SCOPE=mine: client a sees nothing, since it may make neither containers nor networks nor volumes; CLIENT_A_SCOPE=* shows all"}},
		{"CONTAINERS=1 POST=1 SCOPE=mine", nil},
		{"POST=1 NETWORKS=1", nil},
		{"POST=1 LIBPOD_PODS=1", nil},
		{"POST=0", nil},
		{"BUILD=1 POST=1", nil},
		{"BUILD=0", nil},
		{"ALLOW_LOGS=1 CONTAINERS=1", nil},
		{"PING=1 PRESET=traefik", nil},
		// Those of another program, in a file of variables for all.
		{"CLIENT_ID=a CLIENT_SECRET=b CLIENT_SCOPE=openid OAUTH_SCOPE=openid CI_SCOPE=x", nil},
		{"LEARN=1 POST=1", nil},
	} {
		environ := map[string]string{"SOCKET_PATH": socket}
		for setting := range strings.FieldsSeq(test.environ) {
			name, value, _ := strings.Cut(setting, "=")
			environ[name] = value
		}
		var got []string
		for _, e := range harness.Start(t, environ).Log() {
			switch {
			case e["danger"] != nil: // how many there are is another test's business
			case e["level"] == "warn" && !strings.HasPrefix(e["message"].(string), "LEARN=1"):
				got = append(got, e["message"].(string))
			}
		}
		if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
			t.Errorf("%s: warnings are %q, want %q", test.environ, got, test.want)
		}
	}
}

// TestNameWithoutAddressIsAWarning asserts a warning that names the setting.
func TestNameWithoutAddressIsAWarning(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "CLIENT_WEB_APP_FROM": "nothing.invalid", "CLIENT_WEB_APP_INFO": "1"})
	p.AwaitLog(func(e harness.Entry) bool {
		message, _ := e["message"].(string)
		return e["level"] == "warn" && strings.HasPrefix(message, "CLIENT_WEB_APP_FROM has nothing.invalid, a host name without an address")
	})
}
