package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"postern/proxy/privilege"
)

// unixListener removes its socket file when it is closed. Package net would
// remove the file at the listener's path, and while postern is still root
// another user could lead that path to a file of root's.
type unixListener struct {
	*net.UnixListener
	file   socketFile
	info   fs.FileInfo
	remove *sync.Once
}

func (l unixListener) Close() error {
	l.remove.Do(func() {
		l.file.removeIf(func(found fs.FileInfo) bool { return os.SameFile(l.info, found) })
		l.file.close()
	})
	return l.UnixListener.Close()
}

// listenUnix changes the permissions of the file that it has just made and of no
// other. Users who may write to the directory, such as the clients that share a
// volume with postern, can replace the file at any moment by a link to the
// engine's socket. So every step after the first is by descriptors: of the
// directory, and of the file, which must have proved to be the listener's.
//
// Those users can still stop the start by replacing the file, or replace it
// later and listen in postern's place. If they may also write to the directory
// above, they choose the directory in which the socket is made, and in which a
// dead socket of its name is removed.
func (a Address) listenUnix(owner Owner) (net.Listener, error) {
	file, err := openDir(filepath.Dir(a.Addr), filepath.Base(a.Addr))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot listen on %s: %w: want a directory %s, such as a volume that is mounted there", a, err, filepath.Dir(a.Addr))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	l, err := a.bind(file)
	if err != nil {
		file.close()
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	made, err := file.pinOf(l)
	if err != nil {
		l.Close()
		file.close()
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	defer made.close()
	listener := unixListener{l, file, made.info, new(sync.Once)}
	if err := a.setPermissions(made, owner); err != nil {
		listener.Close()
		return nil, fmt.Errorf("cannot set owner and mode of %s: %w", a, err)
	}
	return listener, nil
}

// FileOwner returns the owner of the address's socket file, and false if there is no
// socket file. It does not follow a link, whose target other users could choose.
func (a Address) FileOwner() (Owner, bool) {
	if a.Network != "unix" {
		return Owner{}, false
	}
	info, err := os.Lstat(a.Addr)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return Owner{}, false
	}
	stat := info.Sys().(*syscall.Stat_t)
	return Owner{int(stat.Uid), int(stat.Gid)}, true
}

// bind listens at the address's path, which leads to another directory than file's if
// another user has changed it.
func (a Address) bind(file socketFile) (*net.UnixListener, error) {
	if err := file.removeStale(); err != nil {
		return nil, err
	}
	// With this umask only the file's owner can connect until setPermissions has
	// set group and mode. Else any local user could connect in between.
	umask := syscall.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.Addr, Net: "unix"})
	syscall.Umask(umask)
	if err != nil {
		return nil, withoutAddress(err)
	}
	l.SetUnlinkOnClose(false)
	return l, nil
}

// setPermissions sets group, mode and owner of the address's socket file. The mode
// comes after the group, so that it opens the file to no other group, and before the
// owner: root without the capability FOWNER may not change the mode of a file that it
// has given away.
func (a Address) setPermissions(file pinned, fallback Owner) error {
	err := setID(a.Owner.GID, fallback.GID, func(id int) error { return syscall.Chown(file.path, -1, id) })
	if err == nil {
		err = syscall.Chmod(file.path, uint32(a.Mode))
	}
	if err == nil {
		err = setID(a.Owner.UID, fallback.UID, func(id int) error { return syscall.Chown(file.path, id, -1) })
	}
	return err
}

// setID sets the id that the address requests. If it requests none, setID tries
// the fallback and accepts that the process may not set it. Negative is none.
func setID(requested, fallback int, chown func(id int) error) error {
	switch {
	case requested >= 0:
		err := chown(requested)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: uid= and gid= take a start as root with cap_add: [CHOWN]", err)
		}
		return err
	case fallback >= 0:
		if err := chown(fallback); !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// removeStale removes a socket file whose process has ended. A process that
// starts to listen on it between the dial and the removal loses its socket: only
// a lock that all programs agree on could prevent that.
func (f socketFile) removeStale() error {
	found, err := f.pin()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer found.close()
	if found.info.Mode().Type() != fs.ModeSocket {
		return errors.New("the path exists and is not a socket")
	}
	var conn net.Conn
	privilege.AsUser(int(found.info.Sys().(*syscall.Stat_t).Uid), func() { conn, err = net.Dial("unix", found.path) })
	if err == nil {
		conn.Close()
		return errors.New("another process answers on it")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return withoutAddress(err)
	}
	return f.removeIf(func(now fs.FileInfo) bool { return os.SameFile(found.info, now) })
}

// removeIf removes the file if condition holds for what is there.
func (f socketFile) removeIf(condition func(fs.FileInfo) bool) error {
	found, err := f.pin()
	if err != nil {
		return err
	}
	defer found.close()
	if !condition(found.info) {
		return nil
	}
	return f.remove()
}
