package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socketFile is a name in a directory that is held open. The directory stays the
// same one if its path later leads elsewhere.
type socketFile struct {
	dir  *os.File
	name string
}

func openDir(dir, name string) (socketFile, error) {
	// O_PATH takes no permission to list the directory.
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return socketFile{}, err
	}
	return socketFile{os.NewFile(uintptr(fd), dir), name}, nil
}

func (f socketFile) close() { f.dir.Close() }

func (f socketFile) remove() error { return unix.Unlinkat(int(f.dir.Fd()), f.name, 0) }

// pinned is a file that is held open. It stays the same one if its name is given
// to another.
type pinned struct {
	file *os.File
	info fs.FileInfo
	// path leads to the open file, whatever its name is. Linux before 6.6 has no
	// system call that changes the mode of a file opened with O_PATH.
	path string
}

// pin opens the file that has the name now. It does not follow a link.
func (f socketFile) pin() (pinned, error) {
	fd, err := unix.Openat(int(f.dir.Fd()), f.name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return pinned{}, err
	}
	file := os.NewFile(uintptr(fd), f.name)
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return pinned{}, err
	}
	return pinned{file, info, fmt.Sprintf("/proc/self/fd/%d", fd)}, nil
}

func (p pinned) close() { p.file.Close() }

var errReplaced = errors.New("another file took the socket's place before its owner and mode were set: see who may write to its directory")

// pinOf returns the file that l listens on. It returns an error if another file
// has the name now. Kind, owner and mode would not tell: another socket of this
// process can be moved there, or a hard link to the engine's.
func (f socketFile) pinOf(l *net.UnixListener) (pinned, error) {
	p, err := f.pin()
	if errors.Is(err, fs.ErrNotExist) {
		err = errReplaced
	}
	if err != nil {
		return p, err
	}
	if p.info.Mode().Type() != fs.ModeSocket || !leadsTo(p.path, l) {
		p.close()
		return p, errReplaced
	}
	return p, nil
}

// arrival is how long a connection to a listener of this process may take.
const arrival = 2 * time.Second

// leadsTo connects to a socket file and reports whether the connection arrives
// at l. The kernel says which process has made a connection, so no other process
// can make this one.
func leadsTo(path string, l *net.UnixListener) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	defer conn.Close()
	l.SetDeadline(time.Now().Add(arrival))
	defer l.SetDeadline(time.Time{})
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return false
		}
		own := connectingPID(c) == os.Getpid()
		c.Close()
		if own {
			return true
		}
	}
}

// connectingPID returns the process that has made a connection, or -1.
func connectingPID(c *net.UnixConn) int {
	pid := -1
	raw, err := c.SyscallConn()
	if err != nil {
		return pid
	}
	raw.Control(func(fd uintptr) {
		if credentials, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(credentials.Pid)
		}
	})
	return pid
}
