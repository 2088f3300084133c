package engine

import (
	"fmt"
	"io/fs"
	"testing"

	"postern/proxy/privilege"
)

// TestIdentityTakesTheGroupOnlyIfNeeded asserts that the identity has the socket's
// group only if that lets it connect.
func TestIdentityTakesTheGroupOnlyIfNeeded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		uid, gid int
		mode     fs.FileMode
		want     privilege.Identity
	}{
		{0, 998, 0o660, privilege.Identity{UID: 65532, GID: 998}},
		{0, 998, 0o620, privilege.Identity{UID: 65532, GID: 998}},
		{0, 0, 0o660, privilege.Identity{UID: 65532, GID: 0}},
		{0, 998, 0o666, privilege.Identity{UID: 65532, GID: 65532}},
		{0, 998, 0o606, privilege.Identity{UID: 65532, GID: 65532}},
		{0, 998, 0o600, privilege.Identity{UID: 65532, GID: 65532}},
		{0, 998, 0o640, privilege.Identity{UID: 65532, GID: 65532}},
		{65532, 0, 0o660, privilege.Identity{UID: 65532, GID: 65532}},
	} {
		if got := (Socket{UID: test.uid, GID: test.gid, Mode: test.mode}).Identity(65532); got != test.want {
			t.Errorf("a socket of %d:%d with mode %04o: %+v, want %+v", test.uid, test.gid, test.mode, got, test.want)
		}
	}
}

// TestRemedyLetsTheProcessConnect asserts the remedy for each socket. A process that
// follows it can connect by the rules of path_resolution(7).
func TestRemedyLetsTheProcessConnect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		uid, gid int
		mode     fs.FileMode
		creds    credentials
		want     string
	}{
		{0, 998, 0o660, credentials{uid: 65532, gid: 0}, `only its owner and group may connect: add group_add: ["998"], or user: "65532:998"`},
		{0, 998, 0o660, credentials{uid: 65532, gid: 7, groups: []int{8, 9}}, `only its owner and group may connect: add group_add: ["998"], or user: "65532:998"`},
		{0, 998, 0o660, credentials{uid: 65532, gid: 998}, `the mode allows that, so a security module such as SELinux forbids it: add security_opt: [label=disable]`},
		{0, 998, 0o660, credentials{uid: 65532, gid: 7, groups: []int{998}}, `the mode allows that, so a security module such as SELinux forbids it: add security_opt: [label=disable]`},
		{0, 998, 0o606, credentials{uid: 65532, gid: 7}, `the mode allows that, so a security module such as SELinux forbids it: add security_opt: [label=disable]`},
		{0, 0, 0o600, credentials{uid: 65532, gid: 65532}, `only root may connect: chmod g+w /s on the host, or keep root with environment: [RUN_AS=0] and no user: line`},
		// The group is the first class that fits, and it may not.
		{0, 998, 0o606, credentials{uid: 65532, gid: 998}, `only root may connect: chmod g+w /s on the host, or keep root with environment: [RUN_AS=0] and no user: line`},
		{1000, 1001, 0o600, credentials{uid: 65532, gid: 65532}, `only its owner may connect: add user: "1000:1001"`},
		{1000, 1001, 0o060, credentials{uid: 1000, gid: 1001}, `the mode shuts it out: chmod 0660 /s on the host`},
		{0, 998, 0o440, credentials{uid: 65532, gid: 998}, `the mode shuts it out: chmod 0660 /s on the host`},
		{65534, 65534, 0o660, credentials{uid: 65532, gid: 0}, `65534 stands for numbers that this user namespace does not have: mount the socket of the rootless engine itself, such as $XDG_RUNTIME_DIR/docker.sock`},
	} {
		s := Socket{Path: "/s", UID: test.uid, GID: test.gid, Mode: test.mode}
		if got := s.remedy(test.creds); got != test.want {
			t.Errorf("%v, as %v:\ngot  %s\nwant %s", fmt.Stringer(s), test.creds, got, test.want)
		}
	}
}
