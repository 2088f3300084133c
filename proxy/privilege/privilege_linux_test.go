package privilege

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Privileges do not come back once they are dropped, so each test drops them in a
// process of its own: this test binary, with a job named by a variable.
const (
	jobVar = "POSTERN_TEST_JOB"
	argVar = "POSTERN_TEST_ARGUMENT"
)

// jobs return the outcome of each attempt by what was tried.
var jobs = map[string]func(argument string) map[string]string{"drop": dropJob, "leak": leakJob, "confine": confineJob, "calls": callsJob}

func TestMain(m *testing.M) {
	job, ok := jobs[os.Getenv(jobVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := json.NewEncoder(os.Stdout).Encode(job(os.Getenv(argVar))); err != nil {
		panic(err)
	}
}

// runJob runs a job in a new process and returns its findings.
func runJob(t *testing.T, job, argument string) map[string]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVar+"="+job, argVar+"="+argument)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", job, err)
	}
	var found map[string]string
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%s printed %q: %v", job, out, err)
	}
	return found
}

// outcome returns "ok", "denied" or the text of another error.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrPermission):
		return "denied"
	}
	return err.Error()
}

// TestDropHoldsForEveryThread asserts the rights of every thread after Drop. A process
// that was not started as root keeps its user.
func TestDropHoldsForEveryThread(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"drop": "ok", "setuid(0)": "denied", "setgroups": "denied", "open a root-only file": "denied",
	}
	if os.Geteuid() == 0 {
		want["who"] = "Uid: 65532 65532 65532 65532, Gid: 4242 4242 4242 4242, Groups: 4242, CapInh: 0000000000000000, " +
			"CapPrm: 0000000000000000, CapEff: 0000000000000000, CapBnd: 0000000000000000, CapAmb: 0000000000000000, NoNewPrivs: 1"
	}
	got := runJob(t, "drop", secret)
	for name, want := range want {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
}

func dropJob(secret string) map[string]string {
	_, err := Drop(Identity{UID: 65532, GID: 4242})
	return onThreads(func() map[string]string {
		_, openErr := os.Open(secret)
		_, _, idErr := syscall.RawSyscall(syscall.SYS_SETUID, 0, 0, 0)
		_, _, groupsErr := syscall.RawSyscall(syscall.SYS_SETGROUPS, 0, 0, 0)
		return map[string]string{
			"drop": outcome(err), "who": threadCredentials(),
			"open a root-only file": outcome(openErr), "setuid(0)": outcome(idErr), "setgroups": outcome(groupsErr),
		}
	})
}

// TestDropTriesToReadRootsFiles asserts that Drop tries to read root's files, even if
// the state that the kernel reports is right.
func TestDropTriesToReadRootsFiles(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(open); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	want := "privileges were not given up: " + open + " can still be read"
	if got := runJob(t, "leak", open)["drop"]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// leakJob runs Drop where every user can read a file that counts as root's.
func leakJob(open string) map[string]string {
	rootOnly = []string{open}
	_, err := Drop(Identity{UID: 65532, GID: 4242})
	return map[string]string{"drop": outcome(err)}
}

// onThreads calls find on 16 threads and merges the findings; where two differ, the
// merged one says so.
func onThreads(find func() map[string]string) map[string]string {
	all := map[string]string{}
	// Each goroutine locks its thread and waits for the others, so that no thread
	// runs two of them.
	var mu sync.Mutex
	var threads, done sync.WaitGroup
	const many = 16
	threads.Add(many)
	for range many {
		done.Go(func() {
			runtime.LockOSThread()
			threads.Done()
			threads.Wait()
			found := find()
			mu.Lock()
			defer mu.Unlock()
			for name, value := range found {
				if all[name] != "" && all[name] != value {
					value = "threads differ: " + all[name] + " and " + value
				}
				all[name] = value
			}
		})
	}
	done.Wait()
	return all
}

// threadCredentials returns the credentials of the calling thread from /proc.
func threadCredentials() string {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return err.Error()
	}
	var all []string
	for line := range strings.Lines(string(status)) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs":
			all = append(all, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(all, ", ")
}

// TestVerifyFindsLeftPrivileges asserts an error if the kernel reports a different
// state, or lets the process become root again.
func TestVerifyFindsLeftPrivileges(t *testing.T) {
	t.Parallel()
	ordinary := State{UID: [4]int{7, 7, 7, 7}, GID: [4]int{7, 7, 7, 7}, Groups: "7", NoNewPrivs: true, Threads: 3}
	for name, change := range map[string]func(*State){
		"saved user":      func(s *State) { s.UID[2] = 0 },
		"file system's":   func(s *State) { s.GID[3] = 0 },
		"groups":          func(s *State) { s.Groups = "0 7" },
		"inheritable":     func(s *State) { s.Inheritable = 1 },
		"permitted":       func(s *State) { s.Permitted = 1 },
		"effective":       func(s *State) { s.Effective = 1 },
		"bounding":        func(s *State) { s.Bounding = 1 },
		"ambient":         func(s *State) { s.Ambient = 1 },
		"dumpable":        func(s *State) { s.Dumpable = true },
		"no no_new_privs": func(s *State) { s.NoNewPrivs = false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ordinary
			change(&s)
			if err := s.verify(ordinary); err == nil || !strings.Contains(err.Error(), "privileges were not given up") {
				t.Errorf("%+v: error %v, want that privileges were not given up", s, err)
			}
		})
	}
	// This process has dropped nothing. If it is root, setuid(0) works.
	err := ordinary.verify(ordinary)
	if root := os.Geteuid() == 0; (err != nil) != root || root && !strings.Contains(err.Error(), "setuid(0)") {
		t.Errorf("error %v, want one for root alone, that setuid(0) works", err)
	}
}

// TestParse asserts that the text of old and new kernels is read, and that an
// incomplete or malformed one is an error.
func TestParseReadsOldAndNewKernels(t *testing.T) {
	t.Parallel()
	const old = "Name:\tpostern\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n" +
		"CapInh:\t0000000000000001\nCapPrm:\t0000000000000002\nCapEff:\t0000000000000004\nCapBnd:\t0000003fffffffff\n"
	want := State{
		UID: [4]int{1, 2, 3, 4}, GID: [4]int{5, 6, 7, 8}, Groups: "9 10",
		Inheritable: 1, Permitted: 2, Effective: 4, Bounding: 0x3fffffffff,
	}
	if got, err := parse(old); err != nil || got != want {
		t.Errorf("parse(%q) = %+v, %v, want %+v", old, got, err, want)
	}
	want.Ambient, want.NoNewPrivs = 8, true
	if got, err := parse(old + "CapAmb:\t0000000000000008\nNoNewPrivs:\t1\n"); err != nil || got != want {
		t.Errorf("with later lines: %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", strings.Replace(old, "CapPrm", "Cap", 1), strings.Replace(old, "\t4\n", "\n", 1), strings.Replace(old, "\t5", "\tx", 1)} {
		if got, err := parse(bad); err == nil {
			t.Errorf("parse(%q) = %+v, want an error", bad, got)
		}
	}
}

// TestConfinedProcessIsDenied asserts what an attacker's code in a confined process
// cannot do. It depends on the kernel's Landlock version.
func TestConfinedProcessIsDenied(t *testing.T) {
	t.Parallel()
	version, err := llsyscall.LandlockGetABIVersion()
	if err != nil {
		version = 0
	}
	dir, err := os.MkdirTemp("", "") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"engine/docker.sock", "own/api.sock", "@" + filepath.Base(dir)} {
		address := name
		if !strings.HasPrefix(name, "@") {
			address = filepath.Join(dir, name)
			if err := os.Mkdir(filepath.Dir(address), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		l, err := net.Listen("unix", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	got := runJob(t, "confine", dir)
	for _, test := range []struct {
		name  string
		since int // the first Landlock version that denies it; 0 if none does
	}{
		{"read a file", 1},
		{"write a file", 1},
		{"list a directory", 1},
		{"remove a file", 1},
		{"start a program", 1},
		{"connect by TCP", 4},
		{"listen on TCP", 4},
		{"connect to an abstract socket", 6},
		{"connect to another socket", 9},
		{"connect to the engine", 0},
		{"remove its own socket", 0},
		{"resolve a name of the hosts file", 0},
		{"connect to a name server", 0},
		{"read the name servers", 0},
	} {
		want := "ok"
		if test.since > 0 && version >= test.since {
			want = "denied"
		}
		if got[test.name] != want {
			t.Errorf("%s: %s, want %s with Landlock %d", test.name, got[test.name], want, version)
		}
	}
}

func confineJob(dir string) map[string]string {
	in := func(name string) string { return filepath.Join(dir, name) }
	connect := func(network, address string) string {
		conn, err := net.Dial(network, address)
		switch {
		case err == nil:
			conn.Close()
		case errors.Is(err, syscall.ECONNREFUSED):
			err = nil // allowed to connect, but no program listens
		}
		return outcome(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if _, err := Confine(Paths{Connect: []string{in("engine/docker.sock")}, Remove: []string{in("own/api.sock")}}); err != nil {
		panic(err)
	}
	found := onThreads(func() map[string]string {
		_, err := os.ReadFile(in("file"))
		return map[string]string{"read a file": outcome(err)}
	})
	maps.Copy(found, map[string]string{
		"connect to a name server":      connect("tcp", "127.0.0.1:53"),
		"connect by TCP":                connect("tcp", l.Addr().String()),
		"connect to an abstract socket": connect("unix", "@"+filepath.Base(dir)),
		"connect to another socket":     connect("unix", in("own/api.sock")),
		"connect to the engine":         connect("unix", in("engine/docker.sock")),
		"start a program":               outcome(exec.Command(os.Args[0], "-test.list=^$").Run()),
	})
	found["write a file"] = outcome(os.WriteFile(in("new"), nil, 0o666))
	_, err = os.ReadDir(dir)
	found["list a directory"] = outcome(err)
	found["remove a file"] = outcome(os.Remove(in("file")))
	found["remove its own socket"] = outcome(os.Remove(in("own/api.sock")))
	_, err = os.ReadFile("/etc/resolv.conf")
	found["read the name servers"] = outcome(err)
	_, err = (&net.Resolver{PreferGo: true}).LookupHost(context.Background(), "localhost")
	found["resolve a name of the hosts file"] = outcome(err)
	// Go listens with Multipath TCP where it can, which Landlock does not know.
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	_, err = plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	found["listen on TCP"] = outcome(err)
	return found
}
