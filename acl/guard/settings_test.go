package guard_test

import (
	"strings"
	"testing"

	"postern/acl/guard"
)

// TestParse has values that are accepted, with what the log says of them.
func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GUARD=1": "",
		"GUARD_VOLUME=/srv//ci/:ro, cache-*\n/data": "GUARD_VOLUME=/srv//ci/:ro,cache-*,/data",
		"GUARD_CAP_ADD=net_admin,CAP_SYS_TIME":      "GUARD_CAP_ADD=NET_ADMIN,SYS_TIME",
		"GUARD_NETWORK=-":                           "GUARD_NETWORK=-",
		"GUARD_NETWORK=":                            "",
		`GUARD_SECURITY_OPT=label:type:a\,b`:        "GUARD_SECURITY_OPT=label=type:a,b",
		"GUARD_IMAGE=golang:1.*,ghcr.io/team/*,*":   "GUARD_IMAGE=docker.io/library/golang:1.*,ghcr.io/team/*,*",
		"GUARD_TAG=new,app":                         "GUARD_TAG=new,docker.io/library/app",
		"GUARD_PUBLISH=8080-8090,[::1]:53,0":        "GUARD_PUBLISH=8080-8090,[::1]:53,0",
		"GUARD_DEVICE=/dev/snd,gpu,cdi:v.com/c=*":   "GUARD_DEVICE=/dev/snd,gpu,cdi:v.com/c=*",
		"GUARD_MEMORY=1.5GB":                        "GUARD_MEMORY=1.5GB",
	} {
		name, value, _ := strings.Cut(in, "=")
		s, errs := guard.Parse("", map[string]string{name: value})
		if got := strings.Join(s.Names(), " "); len(errs) > 0 || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, errs, want)
		}
	}
	s, _ := guard.Parse("CLIENT_CI_", map[string]string{"CLIENT_CI_GUARD": "yes", "CLIENT_CI_GUARD_MEMORY": "1.5g", "CLIENT_CI_GUARD_CPUS": "0.5", "CLIENT_CI_GUARD_ARCHIVE": "0"})
	if !s.On || s.Memory != 3<<29 || s.NanoCPUs != 5e8 || s.Archive == nil || *s.Archive {
		t.Errorf("got %+v", s)
	}
}

// TestParseMistakes has values that stop the start, with what the error says.
func TestParseMistakes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GUARD=ture":                     `invalid GUARD="ture": want 1, true, yes or on`,
		"GUARD_VOLUME=srv/ci":            `invalid GUARD_VOLUME="srv/ci": want /host/path[:ro] without .. and *`,
		"GUARD_VOLUME=/srv,/a/../b":      `invalid GUARD_VOLUME="/srv,/a/../b": /a/../b: want /host/path[:ro]`,
		"GUARD_VOLUME=/a;/b":             `invalid GUARD_VOLUME="/a;/b": want /host/path`,
		"GUARD_IMAGE=alpine;busybox":     `invalid GUARD_IMAGE="alpine;busybox": want an image such as golang:1.* or ghcr.io/team/*, in small letters`,
		"GUARD_IMAGE=Alpine":             `invalid GUARD_IMAGE="Alpine": want an image`,
		"GUARD_IMAGE=https://ghcr.io/a":  `invalid GUARD_IMAGE="https://ghcr.io/a": want an image`,
		"GUARD_TAG=New":                  `invalid GUARD_TAG="New": want new, or an image such as team/app:*`,
		"GUARD_PUBLISH=8080:80":          `invalid GUARD_PUBLISH="8080:80": want [ip:]port[-port] of the host alone`,
		"GUARD_VOLUME=/srv/*":            `invalid GUARD_VOLUME="/srv/*": want /host/path`,
		"GUARD_VOLUME=/srv:/data":        `invalid GUARD_VOLUME="/srv:/data": want /host/path`,
		"GUARD_NETWORK=a b":              `invalid GUARD_NETWORK="a b": want the name of a network`,
		"GUARD_NAMESPACE=host":           `invalid GUARD_NAMESPACE="host": want pid=host, ipc=host`,
		"GUARD_CAP_ADD=sys-admin":        `invalid GUARD_CAP_ADD="sys-admin": want names of capabilities`,
		"GUARD_DEVICE=nvidia":            `invalid GUARD_DEVICE="nvidia": want /dev/name[:r|rw|rwm], gpu, or cdi:`,
		"GUARD_DEVICE=/dev/x:m":          `invalid GUARD_DEVICE="/dev/x:m": want`,
		"GUARD_RUNTIME=/usr/bin/x":       `invalid GUARD_RUNTIME="/usr/bin/x": want the name of a runtime`,
		"GUARD_PUBLISH=90-80":            `invalid GUARD_PUBLISH="90-80": want [ip:]port[-port]`,
		"GUARD_PUBLISH=localhost:80":     `invalid GUARD_PUBLISH="localhost:80": want`,
		"GUARD_MEMORY=2gigs":             `invalid GUARD_MEMORY="2gigs": want an amount of memory`,
		"GUARD_MEMORY=1m":                `invalid GUARD_MEMORY="1m": want an amount of memory such as 512m or 2g, at least 6m`,
		"GUARD_MEMORY=-":                 `invalid GUARD_MEMORY="-": want an amount`,
		"GUARD_CPUS=0":                   `invalid GUARD_CPUS="0": want a number of CPUs`,
		"GUARD_CPUS=NaN":                 `invalid GUARD_CPUS="NaN": want a number of CPUs`,
		"GUARD_PIDS_LIMIT=-1":            `invalid GUARD_PIDS_LIMIT="-1": want a number of processes`,
		"GUARD_LABEL=traefik.enable=yes": `invalid GUARD_LABEL="traefik.enable=yes": want the name of a label`,
	} {
		name, value, _ := strings.Cut(in, "=")
		_, errs := guard.Parse("", map[string]string{name: value})
		if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%q: got %v, want %q", in, errs, want)
		}
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"golang":                         "docker.io/library/golang:latest",
		"team/app:v1":                    "docker.io/team/app:v1",
		"localhost/app":                  "localhost/app:latest",
		"localhost:5000/app":             "localhost:5000/app:latest",
		"index.docker.io/golang":         "docker.io/library/golang:latest",
		"docker.io/golang:1":             "docker.io/library/golang:1",
		"ghcr.io/team/app:v1@sha256:012": "ghcr.io/team/app@sha256:012",
	} {
		if got := guard.Reference(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestDangers(t *testing.T) {
	t.Parallel()
	s := settings(t, "GUARD_VOLUME=/srv/ci,/,/etc/ssl:ro,/var/run/docker.sock,/home,/proc/1")
	if got := strings.Join(s.Dangers(), "\n"); strings.Count(got, "\n") != 4 || strings.Contains(got, "/srv") {
		t.Errorf("got\n%s", got)
	}
}
