//go:build !linux

package listen

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// socketFile is a file by its path. Other systems than Linux cannot hold a
// socket file open, so a user who may write to the directory can put another
// file in its place before its permissions are set.
type socketFile struct{ path string }

func openDir(dir, name string) (socketFile, error) {
	return socketFile{filepath.Join(dir, name)}, nil
}

func (f socketFile) close()        {}
func (f socketFile) remove() error { return os.Remove(f.path) }

type pinned struct {
	info fs.FileInfo
	path string
}

func (f socketFile) pin() (pinned, error) {
	info, err := os.Lstat(f.path)
	return pinned{info, f.path}, err
}

func (f socketFile) pinOf(*net.UnixListener) (pinned, error) { return f.pin() }

func (p pinned) close() {}
