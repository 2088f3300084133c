//go:build real

package programs

import (
	"context"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/tests/internal/harness"
)

// withCert makes a docker command use a certificate.
func withCert(cmd *exec.Cmd, dir string) *exec.Cmd {
	cmd.Env = append(cmd.Env, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH="+dir)
	return cmd
}

// dockerTLS runs the docker command with a certificate to its end.
func dockerTLS(t *testing.T, p *harness.Postern, dir string, args ...string) harness.Result {
	t.Helper()
	return harness.Finish(t, withCert(harness.DockerCommand(t, "tcp://"+p.TLSAddr, args...), dir))
}

// secured starts postern with TLS alone in front of the real engine.
func secured(t *testing.T, settings map[string]string) (p *harness.Postern, ca *harness.CA) {
	t.Helper()
	harness.NeedDocker(t)
	ca = harness.NewCA(t, "ca")
	return harness.Start(t, harness.With(ca.Settings(), map[string]string{"SOCKET_PATH": harness.EngineSocket}, settings)), ca
}

// TestDockerOverTLS asserts that docker commands with --tlsverify act as on the
// engine's own socket, those with a hijacked connection among them.
func TestDockerOverTLS(t *testing.T) {
	t.Parallel()
	image, box := harness.Busybox(t), harness.Box(t)
	p, ca := secured(t, harness.AllOn())
	gerard := ca.Files(ca.Issue("gerard", nil))
	for _, test := range []struct{ args, stdin, shows string }{
		{"version --format {{.Server.Version}}", "", ""},
		{"ps --filter name=" + box + " --format {{.Names}}", "", box},
		{"run --rm -i --name {new} " + image + " md5sum", megabytes, "-"}, // ends with its input
		{"run --rm --name {new} " + image + " sh -c exit\t7", "", ""},
		{"exec -i " + box + " sh", "echo in; echo err >&2; exit 3", "in\n"},
		{"exec -i " + box + " cat", allBytes, "\x00\x01\x02"},
		{"exec " + box + " cat /data/text", "", "100000\n"},
		{"logs " + box, "", "one\n"},
		{"cp " + box + ":/data -", "", "data/text"},
		{"inspect --format {{.Config.Hostname}} " + box, "", "box"},
		{"stop nothing-of-this-name", "", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			run := func(through bool) harness.Result {
				args := strings.Fields(strings.ReplaceAll(test.args, "{new}", harness.Unused(t)))
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "\t", " ")
				}
				cmd := harness.DockerCommand(t, harness.EngineHost, args...)
				if through {
					cmd = withCert(harness.DockerCommand(t, "tcp://"+p.TLSAddr, args...), gerard)
				}
				cmd.Stdin = strings.NewReader(test.stdin)
				return harness.Finish(t, cmd)
			}
			got, want := run(true), run(false)
			if got != want || !strings.Contains(got.Stdout, test.shows) {
				t.Errorf("over TLS status %d, %d bytes, %.300q\non the socket status %d, %d bytes, %.300q", got.Status, len(got.Stdout), got.Stdout+got.Stderr, want.Status, len(want.Stdout), want.Stdout+want.Stderr)
			}
		})
	}
	t.Run("exec -it", func(t *testing.T) {
		t.Parallel()
		cmd := withCert(harness.DockerCommand(t, "tcp://"+p.TLSAddr), gerard)
		docker := strings.Join(cmd.Args, " ") + " exec -it " + box + " sh -c 'stty size; read x; echo got $x'"
		terminal := exec.CommandContext(t.Context(), harness.NeedCommand(t, "script", "bsdutils"), "-qec", "stty rows 33 cols 77; "+docker, "/dev/null")
		terminal.Env = cmd.Env
		terminal.Stdin = strings.NewReader("hello\n")
		if r := harness.Finish(t, terminal); r.Status != 0 || !strings.Contains(r.Stdout, "got hello") {
			t.Errorf("docker exec -it: %v", r)
		}
	})
	t.Run("logs -f", func(t *testing.T) {
		t.Parallel()
		name := harness.Unused(t)
		harness.MustDocker(t, "run", "-d", "--name", name, image, "sh", "-c", waiting)
		lines(followCommand(t, withCert(harness.DockerCommand(t, "tcp://"+p.TLSAddr, "logs", "-f", name), gerard)), name)
	})
	t.Run("build", func(t *testing.T) {
		t.Parallel()
		dir, name := t.TempDir(), harness.Unused(t)
		writeInput(t, dir, image)
		if r := dockerTLS(t, p, gerard, "build", "--network", "none", "-t", name, dir+"/context"); r.Status != 0 {
			t.Errorf("docker build: %v", r)
		}
	})
	t.Run("context", func(t *testing.T) {
		t.Parallel()
		config := t.TempDir()
		docker := func(args ...string) harness.Result {
			cmd := exec.CommandContext(t.Context(), "docker", append([]string{"--config", config}, args...)...)
			cmd.Dir, cmd.Env = gerard, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + config}
			return harness.Finish(t, cmd)
		}
		if r := docker("context", "create", "procyon", "--docker", "host=tcp://"+p.TLSAddr+",ca=ca.pem,cert=cert.pem,key=key.pem"); r.Status != 0 {
			t.Fatal(r)
		}
		if r := docker("--context", "procyon", "ps", "--filter", "name="+box, "--format", "{{.Names}}"); r.Status != 0 || r.Stdout != box+"\n" {
			t.Error(r)
		}
	})
}

// TestDockerIsTurnedAway asserts that docker without a valid certificate reaches
// nothing, and shows the error that it shows of Docker's own TLS.
func TestDockerIsTurnedAway(t *testing.T) {
	t.Parallel()
	p, ca := secured(t, nil)
	other := harness.NewCA(t, "ca")
	// The CA of the server with a certificate of another one: docker must show it.
	mallory := other.Issue("mallory", nil)
	for name, test := range map[string]struct{ dir, want string }{
		"another CA": {ca.Files(mallory), "tls: unknown certificate authority"},
		"expired":    {ca.Files(ca.Issue("old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })), "tls: expired certificate"},
		"a server's": {ca.Files(ca.Server()), "tls: bad certificate"},
	} {
		if r := dockerTLS(t, p, test.dir, "version"); r.Status == 0 || !strings.Contains(r.Stderr, "remote error: "+test.want) {
			t.Errorf("%s: %v\nwant %s", name, r, test.want)
		}
	}
	gerard := ca.Files(ca.Issue("gerard", nil))
	none := harness.SocketDir(t)
	text, err := os.ReadFile(filepath.Join(gerard, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(none, "ca.pem"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	r := harness.Docker(t, "tcp://"+p.TLSAddr, "--tls", "--tlsverify", "--tlscacert", none+"/ca.pem", "--tlscert=", "--tlskey=", "version")
	if r.Status == 0 || !strings.Contains(r.Stderr, "certificate required") {
		t.Errorf("no certificate: %v", r)
	}
	r = harness.Docker(t, "tcp://"+p.TLSAddr, "version")
	if r.Status == 0 || !strings.Contains(r.Stderr, "postern: this port takes TLS only: ") {
		t.Errorf("no TLS: %v", r)
	}
	// openssl shows what is offered.
	openssl := harness.NeedCommand(t, "openssl", "openssl")
	const request = "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
	for _, test := range []struct{ args, stdin, want string }{
		{"-tls1", request, "no protocols available|alert protocol version|Cipher is (NONE)"},
		{"-tls1_1", request, "no protocols available|alert protocol version|Cipher is (NONE)"},
		{"-tls1_2", request, "TLSv1.2, Cipher is ECDHE-ECDSA-"},
		{"-tls1_3", request, "TLSv1.3, Cipher is TLS_"},
		{"-tls1_2 -cipher AES128-SHA", request, "alert handshake failure|no cipher match"},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", request, "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"-tls1_3 -alpn h2,http/1.1", request, "No ALPN negotiated"},
		{"-tls1_2 -sess_out /dev/null", request, "Session-ID: \n"},
		{"-tls1_2", "R\n", "alert unexpected message"}, // s_client's word for a renegotiation
	} {
		cmd := exec.CommandContext(t.Context(), openssl, append(harness.Words("s_client -connect "+p.TLSAddr+" -CAfile "+gerard+"/ca.pem -cert "+gerard+"/cert.pem -key "+gerard+"/key.pem"), strings.Fields(test.args)...)...)
		cmd.Stdin = strings.NewReader(test.stdin)
		r := harness.Finish(t, cmd)
		found := false
		for want := range strings.SplitSeq(test.want, "|") {
			found = found || strings.Contains(r.Stdout+r.Stderr, want)
		}
		if !found {
			t.Errorf("openssl s_client %s: %v\nwant %s", test.args, r, test.want)
		}
	}
}

// TestNetworksRecipe asserts that with names in place of addresses everybody with a
// certificate reads networks, and gerard alone creates them.
func TestNetworksRecipe(t *testing.T) {
	t.Parallel()
	p, ca := secured(t, map[string]string{
		"NETWORKS": "1", "CLIENT_GERARD_CERT": "gerard", "CLIENT_GERARD_NETWORKS": "1", "CLIENT_GERARD_ALLOW": "NetworkCreate",
	})
	gerard, anna := ca.Files(ca.Issue("gerard", nil)), ca.Files(ca.Issue("anna", nil))
	for _, dir := range []string{gerard, anna} {
		if r := dockerTLS(t, p, dir, "network", "ls", "--format", "{{.Name}}"); r.Status != 0 || !strings.Contains(r.Stdout, "bridge\n") {
			t.Errorf("docker network ls: %v", r)
		}
		if r := dockerTLS(t, p, dir, "ps"); r.Status == 0 {
			t.Errorf("docker ps: %v", r)
		}
	}
	name := harness.Unused(t)
	if r := dockerTLS(t, p, anna, "network", "create", "--internal", name); r.Status == 0 || !strings.Contains(r.Stderr, `the certificate "anna" belongs to none of the declared clients`) {
		t.Errorf("anna creates a network: %v", r)
	}
	if r := dockerTLS(t, p, gerard, "network", "create", "--internal", name); r.Status != 0 {
		t.Errorf("gerard creates a network: %v", r)
	}
	if r := dockerTLS(t, p, gerard, "network", "rm", name); r.Status == 0 {
		t.Errorf("gerard removes a network: %v", r)
	}
	p.AwaitLog(func(e harness.Entry) bool {
		return e["client"] == "gerard" && e["operation"] == "NetworkCreate" && e["status"] == 201.0
	})
}

// TestComposeOverTLS asserts that docker-compose works with a certificate.
func TestComposeOverTLS(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	program := harness.NeedCommand(t, "docker-compose", "docker-compose")
	p, ca := secured(t, harness.AllOn())
	gerard := ca.Files(ca.Issue("gerard", nil))
	project, dir := harness.Unused(t), t.TempDir()
	file := "version: '3'\nservices:\n  box:\n    image: " + image + "\n    network_mode: none\n    command: sh -c 'echo started; exec sleep 1000'\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	compose := func(command string) harness.Result {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, append([]string{"-p", project}, strings.Fields(command)...)...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DOCKER_HOST=tcp://" + p.TLSAddr}
		return harness.Finish(t, withCert(cmd, gerard))
	}
	defer compose("down -t 0")
	for _, test := range []struct{ command, want string }{
		{"up -d", ""}, {"exec -T box echo hello", "hello"}, {"logs --no-color box", "started"}, {"down -t 0", ""},
	} {
		if r := compose(test.command); r.Status != 0 || !strings.Contains(r.Stdout, test.want) {
			t.Fatalf("docker-compose %s: %v", test.command, r)
		}
	}
}

// TestBuildxOverTLS asserts that BuildKit's session and control connection work with a
// certificate.
func TestBuildxOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := harness.Busybox(t)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+image+" AS made\nRUN echo built >/x\nFROM scratch\nCOPY --from=made /x /x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, ca := secured(t, map[string]string{"BUILD": "1", "SESSION": "1", "GRPC": "1", "POST": "1", "IMAGES": "1", "INFO": "1"})
	cmd := buildx(t, "tcp://"+p.TLSAddr, dir)(harness.Words("buildx build --no-cache --network none --progress plain -o out .")...)
	if r := harness.Finish(t, withCert(cmd, ca.Files(ca.Issue("gerard", nil)))); r.Status != 0 {
		t.Fatalf("docker buildx build: %v", r)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "out", "x")); string(got) != "built\n" {
		t.Errorf("the build made %q, %v", got, err)
	}
}

// TestDockerPyOverTLS asserts that docker-py works with a certificate: requests, a
// stream, and a terminal on a hijacked connection.
func TestDockerPyOverTLS(t *testing.T) {
	t.Parallel()
	image := harness.Busybox(t)
	python := harness.NeedDockerPy(t)
	p, ca := secured(t, harness.AllOn())
	cmd := exec.CommandContext(t.Context(), python, "testdata/docker_py_tls.py", image, harness.Unused(t))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DOCKER_HOST=tcp://" + p.TLSAddr}
	if r := harness.Finish(t, withCert(cmd, ca.Files(ca.Issue("gerard", nil)))); r.Status != 0 || r.Stdout != "b'out\\n'\nb'one\\ntwo\\n'\nb'HELLO'\n" {
		t.Error(r)
	}
}
