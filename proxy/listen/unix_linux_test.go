package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// These tests are not parallel: a listener that is being opened changes the umask
// of the process.

// unchanged leaves owner and group as they are, so that the tests do not need root.
var unchanged = Owner{-1, -1}

// socketDir is a directory with a name short enough for a socket's path.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listenOn opens a listener that package net would not remove.
func listenOn(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	return l
}

// mode returns permissions and type of a file, without following a link.
func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestReplacedSocketIsAnError puts other files in the place of a socket that was just
// bound, and asserts that none of them gets its owner and mode.
func TestReplacedSocketIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		replace func(dir, engine string) error
		want    error
	}{
		"nothing": {func(string, string) error { return nil }, nil},
		"removed": {func(dir, _ string) error { return os.Remove(dir + "/api.sock") }, errReplaced},
		"a link to the engine's socket": {func(dir, engine string) error {
			return errors.Join(os.Remove(dir+"/api.sock"), os.Symlink(engine, dir+"/api.sock"))
		}, errReplaced},
		"a link to the socket itself": {func(dir, _ string) error {
			return errors.Join(os.Rename(dir+"/api.sock", dir+"/own"), os.Symlink("own", dir+"/api.sock"))
		}, errReplaced},
		"a hard link to the engine's socket": {func(dir, engine string) error {
			return errors.Join(os.Remove(dir+"/api.sock"), os.Link(engine, dir+"/api.sock"))
		}, errReplaced},
		"the engine's socket": {func(dir, engine string) error { return os.Rename(engine, dir+"/api.sock") }, errReplaced},
		"a file": {func(dir, _ string) error {
			return errors.Join(os.Remove(dir+"/api.sock"), os.WriteFile(dir+"/api.sock", nil, 0o600))
		}, errReplaced},
		"a directory": {func(dir, _ string) error {
			return errors.Join(os.Remove(dir+"/api.sock"), os.Mkdir(dir+"/api.sock", 0o700))
		}, errReplaced},
		"another directory in the place of its own": {func(dir, engine string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755), os.WriteFile(dir+"/api.sock", nil, 0o600))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			top := socketDir(t)
			dir, engine := top+"/own", top+"/engine/api.sock"
			must(t, os.Mkdir(dir, 0o755), os.Mkdir(top+"/engine", 0o755))
			listenOn(t, engine)
			before := mode(t, engine)
			file, err := openDir(dir, "api.sock")
			must(t, err)
			defer file.close()
			l, err := Address{Network: "unix", Addr: dir + "/api.sock"}.bind(file)
			must(t, err)
			defer l.Close()
			must(t, test.replace(dir, engine))

			made, err := file.pinOf(l)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil {
				return
			}
			defer made.close()
			// Too late: the file that has the name from now on is another one.
			path := dir + "/api.sock"
			must(t, os.Rename(path, path+".old"), os.Symlink(engine, path))
			must(t, Address{Addr: path, Mode: 0o606, Owner: unchanged}.setPermissions(made, unchanged))
			if info, err := made.file.Stat(); err != nil || info.Mode().Perm() != 0o606 {
				t.Errorf("the socket has mode %v, %v, want 0606", info.Mode(), err)
			}
			if got := mode(t, engine); got != before {
				t.Errorf("the engine's socket has mode %v, want %v as before", got, before)
			}
		})
	}
}

// TestListenNeverFollowsALink opens a listener again and again while its socket is
// replaced by a link as fast as possible, and asserts that the link's target keeps its
// mode.
func TestListenNeverFollowsALink(t *testing.T) {
	dir, victim := socketDir(t), socketDir(t)+"/victim"
	must(t, os.WriteFile(victim, nil, 0o600))
	path := dir + "/api.sock"
	done := make(chan struct{})
	replaced := make(chan int)
	go func() {
		n := 0
		defer func() { replaced <- n }()
		for {
			select {
			case <-done:
				return
			default:
			}
			os.Symlink(victim, path+".link")
			if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket && os.Rename(path+".link", path) == nil {
				n++
			}
			if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSymlink {
				os.Remove(path)
			}
		}
	}()
	for range 500 {
		l, err := Address{Network: "unix", Addr: path, Mode: 0o666, Owner: unchanged}.Listen(unchanged)
		if err == nil {
			l.Close()
		}
		if got := mode(t, victim); got != 0o600 {
			t.Errorf("the link's target has mode %v, want 0600", got)
			break
		}
	}
	close(done)
	if n := <-replaced; n == 0 {
		t.Error("the socket was never replaced")
	}
}

// TestCloseRemovesItsOwn asserts that a closed listener removes its socket from
// the directory in which it made it, and nothing else.
func TestCloseRemovesItsOwn(t *testing.T) {
	top := socketDir(t)
	for _, name := range []string{"moved", "replaced", "root's"} {
		must(t, os.Mkdir(filepath.Join(top, name), 0o755))
	}
	open := func(name string) (l net.Listener, path string) {
		path = filepath.Join(top, name, "api.sock")
		l, err := Address{Network: "unix", Addr: path, Mode: 0o600, Owner: unchanged}.Listen(unchanged)
		must(t, err)
		return l, path
	}
	listenOn(t, top+"/root's/api.sock")
	moved, path := open("moved")
	must(t, os.Rename(top+"/moved", top+"/old"), os.Symlink(top+"/root's", top+"/moved"), moved.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file that another directory has under the name is removed: %v", err)
	}
	if _, err := os.Lstat(top + "/old/api.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket in the renamed directory: %v, want that it is removed", err)
	}
	replaced, path := open("replaced")
	must(t, os.Remove(path), os.WriteFile(path, nil, 0o600), replaced.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file that took the socket's place is removed: %v", err)
	}
}

// TestLinkIsNeitherRemovedNorFollowed asserts that Listen leaves a link in the place of
// the socket alone.
func TestLinkIsNeitherRemovedNorFollowed(t *testing.T) {
	dir := socketDir(t)
	listenOn(t, dir+"/dead").Close()
	for _, target := range []string{"dead", "none"} {
		path := filepath.Join(dir, "to-"+target)
		must(t, os.Symlink(target, path))
		l, err := Address{Network: "unix", Addr: path, Mode: 0o600, Owner: unchanged}.Listen(unchanged)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.HasSuffix(err.Error(), "the path exists and is not a socket") {
			t.Errorf("a link to %s: %v, want that it is not a socket", target, err)
		}
		if mode(t, path).Type() != fs.ModeSymlink {
			t.Errorf("the link to %s is not there any more", target)
		}
	}
	if mode(t, dir+"/dead").Type() != fs.ModeSocket {
		t.Error("the target of a link was removed")
	}
}

// TestFileOwnerFollowsNoLink asserts that the owner of a link's target is not returned.
func TestFileOwnerFollowsNoLink(t *testing.T) {
	dir := socketDir(t)
	listenOn(t, dir+"/api.sock")
	must(t, os.Symlink("api.sock", dir+"/link"))
	for name, want := range map[string]bool{"api.sock": true, "link": false, "none": false} {
		owner, ok := Address{Network: "unix", Addr: filepath.Join(dir, name)}.FileOwner()
		if ok != want || ok && owner.UID != os.Geteuid() {
			t.Errorf("%s: %v, %v, want an owner: %v", name, owner, ok, want)
		}
	}
}
