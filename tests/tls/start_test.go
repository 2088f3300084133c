package tls

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// TestCannotStart asserts that each mistake with certificates stops the start with a
// line that names the file or the variable and says what to do.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	other := harness.NewCA(t, "other")
	// files is a TLS_DIR that change has changed.
	files := func(change func(dir string)) string {
		dir := ca.Files(ca.Server())
		change(dir)
		return dir
	}
	write := func(name, text string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, name)
			os.MkdirAll(filepath.Dir(path), 0o755)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(string) {
		return func(dir string) { os.Remove(filepath.Join(dir, name)) }
	}
	from := func(name, otherDir string) func(string) {
		text, err := os.ReadFile(filepath.Join(otherDir, name))
		if err != nil {
			t.Fatal(err)
		}
		return write(name, string(text))
	}
	for _, test := range []struct {
		settings string // LISTEN=tls://127.0.0.1:0 is set
		dir      string
		want     string
	}{
		{"", "/none", `TLS_DIR="/none" is not a directory: mount one with ca.pem, cert.pem and key.pem there; postern certs makes them`},
		{"TLS_DIR=certs", "", `invalid TLS_DIR="certs": want an absolute path`},
		{"TLS_VERIFY=maybe", "", `invalid TLS_VERIFY="maybe": want 1, true, yes or on; or 0, false, no or off`},
		{"", files(remove("ca.pem")), `{dir}/ca.pem is missing: it has the CA of the clients' certificates; postern certs makes one; TLS_VERIFY=0 admits clients without a certificate`},
		{"", files(remove("cert.pem")), `{dir}/cert.pem is missing: it is the server's certificate; postern certs makes one`},
		{"", files(remove("key.pem")), `{dir}/key.pem is missing: it is the key of cert.pem; postern certs makes one`},
		{"", files(write("ca-key.pem", "")), `{dir}/ca-key.pem is a CA's key, with which postern's container could make clients' certificates: mount a directory with ca.pem, cert.pem and key.pem alone`},
		{"", files(write("ca/key.pem", "")), `{dir}/ca/key.pem is a CA's key`},
		{"", files(func(dir string) { write("ca/key.pem", "")(dir); write("server/key.pem", "")(dir) }), `{dir}/ca/key.pem is a CA's key, with which postern's container could make clients' certificates: mount a directory with ca.pem, cert.pem and key.pem alone, which its folder server is`},
		{"", files(from("key.pem", other.Files(other.Server()))), `cannot use {dir}/cert.pem and key.pem: the key is not the certificate's`},
		{"", files(write("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")), `cannot use {dir}/cert.pem and key.pem: the key has a passphrase, and nobody can type it: openssl pkey`},
		{"", files(write("key.pem", "x")), `cannot use {dir}/cert.pem and key.pem: key.pem has no private key in PEM`},
		{"", files(write("cert.pem", "x")), `cannot use {dir}/cert.pem and key.pem: cert.pem has no certificate in PEM`},
		{"", files(write("ca.pem", "x")), `cannot use {dir}/ca.pem: it has no certificate in PEM`},
		{"", files(from("ca.pem", other.Files(other.Server()))), ""}, // a CA of its own for the clients
		{"", files(func(dir string) {
			text, _ := os.ReadFile(filepath.Join(dir, "cert.pem"))
			write("ca.pem", string(text))(dir)
		}), `cannot use {dir}/ca.pem: the certificate of "CN=server" is not a CA's`},
		{"TLS_VERFY=0", "", `TLS_VERFY="0" is not a setting: did you mean TLS_VERIFY?`},
		{"TLSDIR=/certs", "", `TLSDIR="/certs" is not a setting: did you mean TLS_DIR?`},
		{"tls_verify=0", "", `tls_verify="0" is not a setting: did you mean TLS_VERIFY?`},
		{"METRICS_LISTEN=tls://:9323", "", `METRICS_LISTEN=tls://:9323: metrics are served without TLS; want tcp://:9323`},
		{"CLIENT_GERARD_CERT=gerard CLIENT_GERARD_INFO=1 LISTEN=127.0.0.1:0", "", `CLIENT_GERARD_CERT needs a listener that takes certificates: add tls://:2376 to LISTEN`},
		{"CLIENT_GERARD_CERT=gerard CLIENT_GERARD_INFO=1 TLS_VERIFY=0", "", `CLIENT_GERARD_CERT needs TLS_VERIFY=1: with 0, postern asks no client for a certificate`},
		{"CLIENT_A_CERT=x,y CLIENT_A_INFO=1 CLIENT_B_CERT=y CLIENT_B_INFO=1", "", `CLIENT_A_CERT and CLIENT_B_CERT both have y: it can identify one client only`},
		{"CLIENT_A_CERT=/certs/a.pem CLIENT_A_INFO=1", "", `invalid CLIENT_A_CERT="/certs/a.pem": "/certs/a.pem" is not the name in a certificate`},
		{"CLIENT_A_CERT= CLIENT_A_INFO=1", "", `nothing identifies client a: CLIENT_A_FROM, CLIENT_A_CERT and CLIENT_A_LISTEN are empty`},
		{"CLIENT_CERT=gerard", "", `CLIENT_CERT names no client: want a name in the middle, as in CLIENT_PORTAINER_CERT`},
		{"CLIENT_A_CERTS=a CLIENT_A_CERT=a CLIENT_A_INFO=1", "", `CLIENT_A_CERTS="a" is not a client variable: did you mean CLIENT_A_CERT?`},
		{"LISTEN=tls://2376", "", `invalid LISTEN="tls://2376": did you mean tls://:2376? want tcp://[host]:port, tls://[host]:port or unix:///path`},
		{"LISTEN=tls://10.0.0.7", "", `invalid LISTEN="tls://10.0.0.7": no port; did you mean tls://10.0.0.7:2376?`},
		{"LISTEN=https://:2376", "", `invalid LISTEN="https://:2376": want tcp://[host]:port, tls://[host]:port or unix:///path`},
		{"LISTEN=tls://:2376,tcp://:2376", "", `LISTEN has tls://:2376 and tcp://:2376, which have the same port: leave one out`},
	} {
		t.Run(test.settings+" "+filepath.Base(test.dir), func(t *testing.T) {
			t.Parallel()
			settings := harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket})
			if test.dir != "" {
				settings["TLS_DIR"] = test.dir
			}
			for _, s := range strings.Fields(test.settings) {
				name, value, _ := strings.Cut(s, "=")
				settings[name] = value
			}
			if test.want == "" {
				harness.Start(t, settings)
				return
			}
			want := "\n  " + strings.ReplaceAll(test.want, "{dir}", test.dir)
			if r := harness.Run(t, settings); r.Status != 2 || !strings.HasPrefix(r.Stderr, "postern: cannot start:") || !strings.Contains(r.Stderr, want) || strings.Count(r.Stderr, "\n") != 2 {
				t.Errorf("%v\nwant status 2 and one line with %s", r, want)
			}
		})
	}
}

// TestUnreadableKey asserts that a key that this user cannot read gets the command that
// mends it, and that root reads the key of any owner, without the capability for it.
func TestUnreadableKey(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	_, socket := harness.StandIn(t)
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	ca := harness.NewCA(t, "ca")
	for _, test := range []struct {
		owner int
		mode  os.FileMode
		want  string
	}{
		{0, 0o600, `cannot read {dir}/key.pem: it belongs to 0:0 with mode 0600, and postern runs as 65532:65532: chown 65532 key.pem on the host, or start postern as root, which it leaves when it has read the file`},
		{65532, 0o200, `chmod 0600 key.pem on the host`},
		{65532, 0o400, ``},
	} {
		settings := harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": socket})
		key := filepath.Join(settings["TLS_DIR"], "key.pem")
		if err := os.Chmod(key, test.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(key, test.owner, test.owner); err != nil {
			t.Fatal(err)
		}
		cmd := harness.QuickCommand(t, settings)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		if test.want == "" {
			harness.StartCommand(t, cmd).Terminate()
			continue
		}
		if r := harness.Finish(t, cmd); r.Status != 2 || !strings.Contains(r.Stderr, strings.ReplaceAll(test.want, "{dir}", settings["TLS_DIR"])) {
			t.Errorf("%v\nwant status 2 and %s", r, test.want)
		}
	}
}

// TestWarnings asserts which settings and certificates get a warning at start.
func TestWarnings(t *testing.T) {
	t.Parallel()
	ca := harness.NewCA(t, "ca")
	plain := ca.Files(ca.Server())
	soon := ca.Files(ca.Issue("server", func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"procyon"}, time.Now().Add(10*24*time.Hour+time.Hour)
		c.ExtKeyUsage = nil
	}))
	const use = "LISTEN=tls://:2376 turns TLS on, TLS_DIR has the files, and TLS_VERIFY=0 admits clients without a certificate"
	for _, test := range []struct {
		settings, want string // want is a pattern, "" is none
	}{
		{"", ""},
		{"LISTEN=tls://127.0.0.1:0,127.0.0.1:0", `^LISTEN=tcp://127.0.0.1:0 needs no certificate: everybody who reaches it has the same permissions as a certificate on tls://127.0.0.1:0 that belongs to no declared client$`},
		{"LISTEN=tls://127.0.0.1:0,/{sockets}/p.sock", ""},
		{"LISTEN=127.0.0.1:0", `^` + regexp.QuoteMeta(plain) + `/cert.pem is not used: no listener is encrypted; LISTEN=tls://:2376 makes one that is$`},
		{"LISTEN=127.0.0.1:0 TLS_DIR=/none", ""},
		{"TLS_DIR=" + soon, `^the server's certificate, TLS_DIR's cert.pem, expires in 10 days, on `},
		{"CLIENT_A_CERT=a CLIENT_A_FROM=10.0.0.5 CLIENT_A_INFO=1", `^CLIENT_A_FROM and CLIENT_A_CERT are alternatives: `},
		{"CLIENT_A_CERT=a CLIENT_A_LISTEN=tls://127.0.0.1:0 CLIENT_A_INFO=1", `^CLIENT_A_LISTEN and CLIENT_A_CERT are alternatives: `},
		{"CLIENT_A_CERT=a CLIENT_A_INFO=1", ""},
		{"DOCKER_TLS_VERIFY=1", `^DOCKER_TLS_VERIFY has no effect: it is for Docker's own programs: ` + use + `$`},
		{"DOCKER_CERT_PATH=/certs LISTEN=127.0.0.1:0 TLS_DIR=/none", `^DOCKER_CERT_PATH has no effect: it is for Docker's own programs: ` + use + `$`},
		{"DOCKER_TLS_CERTDIR=/certs", `^DOCKER_TLS_CERTDIR has no effect: it is for Docker's own programs: `},
		{"CLIENT_TLS_CERT=/etc/client.pem CLIENT_TLS_KEY=/etc/client.key LISTEN=127.0.0.1:0 TLS_DIR=/none", `^CLIENT_TLS_CERT has no effect: a client is declared by the name in its certificate, as in gerard, not by a file$`},
		{"TLS_CERT_FILE=/x", `^TLS_CERT_FILE has no effect: ` + use + `$`},
		{"TLS_MIN_VERSION=1.2", `^TLS_MIN_VERSION has no effect: `},
		{"TLS_MIN=1.2", `^TLS_MIN has no effect: `},
	} {
		t.Run(test.settings, func(t *testing.T) {
			t.Parallel()
			_, socket := harness.StandIn(t)
			settings := map[string]string{"SOCKET_PATH": socket, "LISTEN": "tls://127.0.0.1:0", "TLS_DIR": plain, "PING": "1", "VERSION": "0", "EVENTS": "0"}
			for _, s := range strings.Fields(strings.ReplaceAll(test.settings, "/{sockets}", harness.SocketDir(t))) {
				name, value, _ := strings.Cut(s, "=")
				settings[name] = value
			}
			var got []string
			for _, line := range harness.Start(t, settings).Log() {
				if line["level"] == "warn" && !strings.HasPrefix(fmt.Sprint(line["message"]), "running as root") {
					got = append(got, fmt.Sprint(line["message"]))
				}
			}
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !regexp.MustCompile(test.want).MatchString(got[0])) {
				t.Errorf("the log warns %q, want %q", got, test.want)
			}
		})
	}
}

// TestHealthcheck asserts that the check works where all listeners are tls://, that its
// socket serves nothing else and nobody else, and that two posterns do not share it.
func TestHealthcheck(t *testing.T) {
	// Not parallel: other tests' posterns have private sockets too.
	before := privateSockets(t)
	e, socket := harness.StandIn(t)
	ca := harness.NewCA(t, "ca")
	settings := harness.With(ca.Settings(), harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "PING": "0"})
	p := harness.Start(t, settings)
	if r := harness.Run(t, settings, "healthcheck"); r != (harness.Result{}) {
		t.Errorf("with the engine up: %v", r)
	}
	if got := harness.Targets(e); len(got) != 1 || got[0] != "GET /_ping" {
		t.Errorf("the engine received %q", got)
	}
	name := privateSocket(t, before...)
	for _, agent := range []string{"postern-healthcheck", "curl"} {
		for _, target := range []string{"/containers/json", "/version", "/_ping"} {
			r := harness.Send(t, harness.Dial(t, "unix", name), harness.Head("GET", target, "User-Agent: "+agent))
			if want := agent == "postern-healthcheck" && target == "/_ping"; (r.Status == 200) != want {
				t.Errorf("%s of %s on the private socket: %d %s", target, agent, r.Status, r.Body)
			}
		}
	}
	if os.Geteuid() == 0 {
		c := dialAs(t, 1234, name)
		io.WriteString(c, harness.Head("GET", "/_ping", "User-Agent: postern-healthcheck"))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || isTimeout(err) {
			t.Errorf("another user on the private socket read %d bytes, %v, want the connection's end", n, err)
		}
	}

	_, second := harness.StandIn(t)
	others := harness.With(settings, map[string]string{"SOCKET_PATH": second})
	harness.Start(t, others)
	privateSocket(t, append(before, name)...) // the second one has another name
	e.Close()
	if r := harness.Run(t, settings, "healthcheck"); r.Status != 1 || !strings.Contains(r.Stderr, "postern: unhealthy: 503 Service Unavailable on the health check's socket: ") {
		t.Errorf("with the engine down: %v", r)
	}
	if r := harness.Run(t, others, "healthcheck"); r != (harness.Result{}) {
		t.Errorf("the other postern: %v", r)
	}
	p.Terminate()
	if r := harness.Run(t, settings, "healthcheck"); r.Status != 1 || !strings.Contains(r.Stderr, "postern: unhealthy: no answer on the health check's socket: ") {
		t.Errorf("with postern down: %v", r)
	}
	// A listener without TLS makes the private one unnecessary.
	known := privateSockets(t)
	harness.Start(t, harness.With(settings, map[string]string{"LISTEN": "tls://127.0.0.1:0,127.0.0.1:0", "SOCKET_PATH": second}))
	if got := privateSockets(t, known...); len(got) > 0 {
		t.Errorf("a postern with a plain listener has %q", got)
	}
}

// dialAs connects to a unix socket as another user.
func dialAs(t *testing.T, uid uintptr, name string) net.Conn {
	t.Helper()
	dialed := make(chan net.Conn)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer close(dialed)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); errno != 0 {
			t.Error(errno)
			return
		}
		dialed <- harness.Dial(t, "unix", name)
	}()
	c := <-dialed
	if c == nil {
		t.FailNow()
	}
	return c
}

// privateSocket returns the name of the one private socket that is not known.
func privateSocket(t *testing.T, known ...string) string {
	t.Helper()
	all := privateSockets(t, known...)
	if len(all) != 1 {
		t.Fatalf("the private sockets are %q, want one", all)
	}
	return all[0]
}

// privateSockets lists the names of the abstract sockets for health checks that listen
// and are not known. An ordinary user cannot see whose they are.
func privateSockets(t *testing.T, known ...string) (names []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m) 00010000 0001 01 +\d+ (@postern-health-\w+)$`).FindAllStringSubmatch(string(table), -1) {
		if !slices.Contains(known, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}
