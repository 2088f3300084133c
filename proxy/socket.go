package proxy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"postern/proxy/privilege"
)

// Socket is what the file system says of a socket.
type Socket struct {
	Path     string
	UID, GID int
	// Mode has the permission bits only. To connect takes the right to write.
	Mode fs.FileMode
	// Replaced is set when the file has no name any more: it was removed, and
	// only a bind mount still shows it.
	Replaced bool
}

// StatSocket looks at a socket. The error of a file that is no socket says so.
func StatSocket(path string) (Socket, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Socket{}, err
	}
	switch {
	case info.IsDir():
		return Socket{}, errIsDir
	case info.Mode().Type() != fs.ModeSocket:
		return Socket{}, errNoSocket
	}
	stat := info.Sys().(*syscall.Stat_t)
	return Socket{
		Path: path, UID: int(stat.Uid), GID: int(stat.Gid),
		Mode: info.Mode().Perm(), Replaced: stat.Nlink == 0,
	}, nil
}

var (
	errIsDir    = errors.New("is a directory")
	errNoSocket = errors.New("is not a socket")
)

// The bits of Mode that let the owner, the group and everybody else connect.
const (
	ownerConnects fs.FileMode = 0o200
	groupConnects fs.FileMode = 0o020
	otherConnects fs.FileMode = 0o002
)

// Identity returns whom root has to become to connect as the user uid: with
// the socket's group only where that is what opens the socket.
func (s Socket) Identity(uid int) privilege.Identity {
	if s.Mode&groupConnects != 0 && s.Mode&otherConnects == 0 && uid != s.UID {
		return privilege.Identity{UID: uid, GID: s.GID}
	}
	return privilege.Identity{UID: uid, GID: uid}
}

// String gives the owner and mode, as an error shows them.
func (s Socket) String() string {
	return fmt.Sprintf("%s belongs to %d:%d with mode %04o", s.Path, s.UID, s.GID, s.Mode)
}

// unmapped is the owner that a user namespace shows for one that it has no
// number for, user_namespaces(7).
const unmapped = 65534

// caller is who a process connects as.
type caller struct {
	uid, gid int
	groups   []int
}

func self() caller {
	groups, _ := os.Getgroups()
	return caller{os.Geteuid(), os.Getegid(), groups}
}

func (c caller) String() string {
	s := fmt.Sprintf("%d:%d", c.uid, c.gid)
	others := slices.DeleteFunc(slices.Clone(c.groups), func(g int) bool { return g == c.gid })
	if len(others) > 0 {
		s += " with groups " + strings.Trim(fmt.Sprint(others), "[]")
	}
	return s
}

// admits applies the mode as the kernel does: only the first class that fits
// counts.
func (s Socket) admits(c caller) bool {
	switch {
	case c.uid == s.UID:
		return s.Mode&ownerConnects != 0
	case c.gid == s.GID || slices.Contains(c.groups, s.GID):
		return s.Mode&groupConnects != 0
	}
	return s.Mode&otherConnects != 0
}

// remedy returns the line of a compose file that lets a process which is
// refused connect.
func (s Socket) remedy(c caller) string {
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

// explainPermission says who was refused by what, and what helps.
func explainPermission(path string) string {
	who := self()
	socket, err := StatSocket(path)
	if errors.Is(err, fs.ErrPermission) {
		dir := closedDir(path)
		return fmt.Sprintf("no permission to reach %s: postern runs as %s and may not enter %s; chmod o+x that on the host, or mount the socket alone", path, who, dir)
	}
	if err != nil {
		return fmt.Sprintf("no permission to connect to %s as %s", path, who)
	}
	return fmt.Sprintf("no permission to connect: %s, and postern runs as %s; %s", socket, who, socket.remedy(who))
}

// closedDir returns the directory on the way to path that may not be entered.
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
