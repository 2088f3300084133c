package engine

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postern/proxy/privilege"
)

// Socket is the file of a unix socket.
type Socket struct {
	Path     string
	UID, GID int
	// Mode has the permission bits only. Connecting needs the write bit, unix(7).
	Mode fs.FileMode
	// Deleted is set when the file has no name any more: the engine removed it,
	// and only a bind mount still shows it.
	Deleted bool
}

// The mode bits that let the owner, the group and all others connect.
const (
	ownerConnects fs.FileMode = 0o200
	groupConnects fs.FileMode = 0o020
	otherConnects fs.FileMode = 0o002
)

// Identity returns the user and group that root becomes, for the user id uid.
// It takes the socket's group only if membership in it is what lets uid connect.
func (s Socket) Identity(uid int) privilege.Identity {
	if s.Mode&groupConnects != 0 && s.Mode&otherConnects == 0 && uid != s.UID {
		return privilege.Identity{UID: uid, GID: s.GID}
	}
	return privilege.Identity{UID: uid, GID: uid}
}

// String returns the path, the owner and the mode, for an error message.
func (s Socket) String() string {
	return fmt.Sprintf("%s belongs to %d:%d with mode %04o", s.Path, s.UID, s.GID, s.Mode)
}

// unmapped is the id that the kernel shows in a user namespace for an id that
// has no mapping there, user_namespaces(7).
const unmapped = 65534

// credentials are the ids with which a process connects.
type credentials struct {
	uid, gid int
	groups   []int
}

func ownCredentials() credentials {
	groups, _ := os.Getgroups()
	return credentials{os.Geteuid(), os.Getegid(), groups}
}

func (c credentials) String() string {
	s := fmt.Sprintf("%d:%d", c.uid, c.gid)
	others := slices.DeleteFunc(slices.Clone(c.groups), func(g int) bool { return g == c.gid })
	if len(others) > 0 {
		s += " with groups " + strings.Trim(fmt.Sprint(others), "[]")
	}
	return s
}

// admits applies the mode as the kernel does: the owner's bits alone count for
// the owner, and the group's alone for a member of the group.
func (s Socket) admits(c credentials) bool {
	switch {
	case c.uid == s.UID:
		return s.Mode&ownerConnects != 0
	case c.gid == s.GID || slices.Contains(c.groups, s.GID):
		return s.Mode&groupConnects != 0
	}
	return s.Mode&otherConnects != 0
}

// remedy returns the change that lets a process with these credentials connect,
// as a line of a compose file or a command on the host.
func (s Socket) remedy(c credentials) string {
	switch {
	case s.UID == unmapped && s.GID == unmapped:
		return "65534 stands for numbers that this user namespace does not have: mount the socket of the rootless engine itself, such as $XDG_RUNTIME_DIR/docker.sock"
	case s.admits(c):
		return "the mode allows that, so a security module such as SELinux forbids it: add security_opt: [label=disable]"
	case s.Mode&groupConnects != 0 && c.uid != s.UID:
		return fmt.Sprintf("only its owner and group may connect: add group_add: [\"%d\"], or user: \"%d:%d\"", s.GID, c.uid, s.GID)
	case s.Mode&ownerConnects != 0 && s.UID == 0:
		return fmt.Sprintf("only root may connect: chmod g+w %s on the host, or keep root with environment: [RUN_AS=0] and no user: line", s.Path)
	case s.Mode&ownerConnects != 0 && c.uid != s.UID:
		return fmt.Sprintf("only its owner may connect: add user: \"%d:%d\"", s.UID, s.GID)
	}
	return fmt.Sprintf("the mode shuts it out: chmod 0660 %s on the host", s.Path)
}

// closedDir returns the directory on the way to path that this process has no
// permission to enter.
func closedDir(path string) string {
	dir := filepath.Dir(path)
	for dir != "/" {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}
