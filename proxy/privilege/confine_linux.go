package privilege

import (
	"errors"
	"net"
	"path/filepath"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// resolverFiles are the files that package net's resolver reads, and reads again
// when they change. In a container each is a mount of its own and is rewritten
// in place, so it keeps its inode and stays readable under the rule.
var resolverFiles = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"}

// dnsPort is the only TCP port that a confined process may connect to: the resolver
// uses TCP when a response is too long for UDP.
const dnsPort = 53

// Confine denies the process all other files, executing programs, new listeners,
// TCP connections and abstract unix sockets by Landlock, and by a seccomp filter
// the system calls that it never makes, among them sockets of other kinds. Files
// that are open stay open. It returns what is in force.
//
// It does not stop an attacker who runs code inside the process from reading its
// memory, from using the connections that are open, and from sending UDP.
func Confine(paths Paths) (Confinement, error) {
	var c Confinement
	var landlockErr, seccompErr error
	c.Landlock, landlockErr = restrictFiles(paths)
	// The interfaces' names, which stand in IPv6 addresses, are read through a
	// kind of socket that the filter denies. Package net remembers them.
	_, _ = net.Interfaces()
	c.Seccomp, seccompErr = restrictCalls()
	return c, errors.Join(landlockErr, seccompErr)
}

// restrictFiles applies Landlock and returns its version, or 0 where there is
// none.
func restrictFiles(paths Paths) (version int, err error) {
	version, err = llsyscall.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return 0, nil
	}
	// Package time reads the time zone's file when local time is first used.
	// That has to happen before files are denied.
	_, _ = time.Now().Zone()

	// Version 9 is the first to restrict connections to unix sockets. An older
	// kernel enforces the part that it knows.
	config := landlock.V9.BestEffort()
	// Scoping signals is left out: before Linux 6.15 it also applied between the
	// threads of one process, and the Go scheduler preempts threads by signal.
	config.Scoped = llsyscall.ScopeAbstractUnixSocket
	rules := []landlock.Rule{
		landlock.PathAccess(llsyscall.AccessFSReadFile, resolverFiles...).IgnoreIfMissing(),
		// A rule holds for an inode. An engine that restarts creates its socket
		// anew, so the rule is for the directory.
		landlock.PathAccess(llsyscall.AccessFSResolveUnix, directories(paths.Connect)...).IgnoreIfMissing(),
		landlock.PathAccess(llsyscall.AccessFSRemoveFile, directories(paths.Remove)...).IgnoreIfMissing(),
		landlock.ConnectTCP(dnsPort),
	}
	if err := config.Restrict(rules...); err != nil {
		return 0, err
	}
	return min(version, 9), nil
}

// directories returns the directory of each file; for a symbolic link, the
// link's own and that of its target.
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
