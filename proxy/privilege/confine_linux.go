package privilege

import (
	"path/filepath"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// resolverFiles is what the resolver of package net reads, again whenever they
// change. A container's are mounts of their own, so a new version is the same
// file and stays readable.
var resolverFiles = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"}

// dnsPort is the one port to connect to: an answer that is too long for UDP.
const dnsPort = 53

// Confine takes every other file, the start of programs, new TCP ports and
// connections and abstract unix sockets away from the process. It returns the
// Landlock version that is in force, 0 where the kernel has none or a seccomp
// profile hides it. Files that are open stay open.
//
// What it does not stop: code in a taken-over process's own memory, UDP, and
// Multipath TCP, which Landlock does not know.
func Confine(paths Paths) (version int, err error) {
	version, err = llsyscall.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return 0, nil
	}
	// The zone's file is read at the first use of local time.
	_, _ = time.Now().Zone()

	// Version 9 is the first to govern connections to unix sockets. An older
	// kernel enforces what it knows of it.
	config := landlock.V9.BestEffort()
	// Signals are left out: until Linux 6.15 the rule also held between the
	// threads of one process, which the Go scheduler interrupts by signal.
	config.Scoped = llsyscall.ScopeAbstractUnixSocket
	rules := []landlock.Rule{
		landlock.PathAccess(llsyscall.AccessFSReadFile, resolverFiles...).IgnoreIfMissing(),
		// A rule is about an inode; an engine that restarts makes a new one.
		landlock.PathAccess(llsyscall.AccessFSResolveUnix, directories(paths.Connect)...).IgnoreIfMissing(),
		landlock.PathAccess(llsyscall.AccessFSRemoveFile, directories(paths.Remove)...).IgnoreIfMissing(),
		landlock.ConnectTCP(dnsPort),
	}
	if err := config.Restrict(rules...); err != nil {
		return 0, err
	}
	return min(version, 9), nil
}

// directories returns where files are. For a symbolic link that is where the
// link is and where it leads.
func directories(files []string) []string {
	var all []string
	for _, file := range files {
		all = append(all, filepath.Dir(file))
		if real, err := filepath.EvalSymlinks(file); err == nil && real != file {
			all = append(all, filepath.Dir(real))
		}
	}
	return all
}
