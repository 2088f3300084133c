package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestEveryMistakeStopsTheStart asserts that each mistake stops the start, and that one
// message names all mistakes.
func TestEveryMistakeStopsTheStart(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	dir := harness.SocketDir(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	inUse := "tcp://" + busy.Addr().String()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	misspelt := filepath.Join(dir, "misspelt")
	if err := os.WriteFile(misspelt, []byte("ContainerLst\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	const (
		boolean = "want 1, true, yes or on; or 0, false, no or off"
		address = "want tcp://[host]:port, tls://[host]:port or unix:///path?mode=0660&uid=0&gid=0"
		levels  = "want one of debug info notice warn warning err error crit alert emerg"
	)
	for _, test := range []struct {
		settings string
		want     []string
	}{
		{"POST=ture", []string{`invalid POST="ture": ` + boolean}},
		{"CONTAINERS=1.0", []string{`invalid CONTAINERS="1.0": ` + boolean}},
		{"ALLOW_START=y", []string{`invalid ALLOW_START="y": ` + boolean}},
		{"PING=0x1", []string{`invalid PING="0x1": ` + boolean}},
		{"ALLOW=containerlist", []string{`invalid ALLOW="containerlist": no operation has this id; want one such as ContainerList, `}},
		{"ALLOW=ContainerList,ContainerLst", []string{`invalid ALLOW="ContainerLst": no operation has this id; want one such as ContainerList, `}},
		{"ALLOW=ContainerList;ImageList", []string{`invalid ALLOW="ContainerList;ImageList": want a comma between two: ContainerList,ImageList`}},
		{"PRESET=traefik;dozzle", []string{`invalid PRESET="traefik;dozzle": want a comma between two: traefik,dozzle`}},
		{"DENY=*prune", []string{`invalid DENY="*prune": no operation has this id; want one such as ImagePrune, BuildPrune, VolumePrune`}},
		{"DENY=*Prunes", []string{`invalid DENY="*Prunes": no operation has this id; want one such as `}},
		{"PRESET=traefic", []string{`invalid PRESET="traefic": no preset has this name; the nearest are traefik and `}},
		{"PRESET=dozzle,Portainer", []string{`invalid PRESET="Portainer": no preset has this name; the nearest are portainer and `}},
		{"REDACT=yes", []string{`invalid REDACT="yes": want env, args or env,args; or none`}},
		{"REDACT=env,none", []string{`invalid REDACT="env,none": want env, args or env,args; or none`}},
		{"REDACT=env REDACT_KEEP=A=b", []string{`invalid REDACT_KEEP="A=b": want names of environment variables, with * for any characters, such as VIRTUAL_*,LETSENCRYPT_*`}},
		{"REDACT=env REDACT_KEP=A", []string{`REDACT_KEP is not a variable of postern's: did you mean REDACT_KEEP?`}},
		{"REDACT_SECRETS=1 redact=env", []string{`REDACT_SECRETS is not a variable of postern's: want REDACT or REDACT_KEEP`, `redact is not a variable of postern's: did you mean REDACT?`}},
		{"REDACT_KEEP=A", []string{`REDACT_KEEP="A" keeps nothing: set REDACT=env`}},
		{"REDACT=env REDACT_KEEP=*", []string{`REDACT_KEEP="*" keeps every value, against REDACT=env: want names such as VIRTUAL_*`}},
		{"REDACT=args REDACT_KEEP=A", []string{`REDACT_KEEP="A" keeps nothing: set REDACT=env`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_REDACT_KEEP=B", []string{`CLIENT_A_REDACT_KEEP="B" keeps nothing: set CLIENT_A_REDACT=env`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_REDACT=all", []string{`invalid CLIENT_A_REDACT="all": want env, args or env,args; or none`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_REDACTED=env", []string{`CLIENT_A_REDACTED="env" is not a client variable: did you mean CLIENT_A_REDACT?`}},
		{"CLIENT_A_REDACT=env", []string{`CLIENT_A_REDACT belongs to a client that nothing identifies: `}},
		{"LEARN=maybe", []string{`invalid LEARN="maybe": want 0, 1 or deny`}},
		{"DENY_FILE=/none/deny", []string{`cannot read DENY_FILE="/none/deny": no such file or directory`}},
		{"ALLOW_FILE=" + dir, []string{`cannot read ALLOW_FILE="` + dir + `": is a directory: Docker makes one where the file of a bind mount does not exist`}},
		{"ALLOW_FILE=" + misspelt, []string{`invalid ALLOW="ContainerLst": no operation has this id; want one such as ContainerList, ContainersStatsAllLibpod, ContainerTop (ALLOW_FILE=` + misspelt + ` adds items to it)`}},
		{"ALLOW_FILE=deny", []string{`invalid ALLOW_FILE="deny": want an absolute path`}},
		{"LIBPOD_PODS=many", []string{`invalid LIBPOD_PODS="many": ` + boolean}},
		{"DISABLE_IPV6=never", []string{`invalid DISABLE_IPV6="never": ` + boolean}},
		{"LOG_LEVEL=loud", []string{`invalid LOG_LEVEL="loud": ` + levels}},
		{"LOG_LEVEL=trace", []string{`invalid LOG_LEVEL="trace": ` + levels}},
		{"ACCESS_LOG=some", []string{`invalid ACCESS_LOG="some": want all, denied or none`}},
		{"METRICS_LISTEN=1", []string{`invalid METRICS_LISTEN="1": 1 is not an address: ` + address}},
		{"METRICS_LISTEN=off", []string{`invalid METRICS_LISTEN="off": no port: ` + address}},
		{"METRICS_LISTEN=http://:9323", []string{`invalid METRICS_LISTEN="http://:9323": ` + address}},
		{"METRICS_LISTEN=:66000", []string{`invalid METRICS_LISTEN=":66000": bad port "66000": ` + address}},
		{"METRICS_LISTEN=" + inUse, []string{`cannot listen on ` + inUse + `: the port is in use by another process`}},
		{"METRICS_LISTEN=:27111 LISTEN=tcp://:27111", []string{`LISTEN and METRICS_LISTEN both have tcp://:27111: metrics take an address of their own`}},
		{"METRICS_LISTEN=127.0.0.1:27112 LISTEN=27112", []string{`LISTEN=tcp://:27112 and METRICS_LISTEN=tcp://127.0.0.1:27112 have the same port: metrics take an address of their own`}},
		{"METRICS_LISTEN=localhost:27113 LISTEN=127.0.0.1:27113", []string{`LISTEN=tcp://127.0.0.1:27113 and METRICS_LISTEN=tcp://localhost:27113 have the same port: `}},
		{"METRICS_LISTEN=unix:///none/m LISTEN=/none/m", []string{`LISTEN and METRICS_LISTEN both have unix:///none/m: `, `cannot listen on unix:///none/m: `}},
		{"LISTEN=:27114,:27114", []string{`LISTEN has tcp://:27114 twice`}},
		{"LISTEN=127.0.0.1:27115,[::]:27115", []string{`LISTEN has tcp://127.0.0.1:27115 and tcp://[::]:27115, which have the same port: leave one out`}},
		{"LISTEN=:27116 CLIENT_A_LISTEN=0.0.0.0:27116 CLIENT_A_INFO=1", []string{`LISTEN=tcp://:27116 and CLIENT_A_LISTEN=tcp://0.0.0.0:27116 have the same port: it can identify one client only`}},
		{"LOG_FORMAT=xml", []string{`invalid LOG_FORMAT="xml": want json or console`}},
		{"SHUTDOWN_GRACE=5", []string{`invalid SHUTDOWN_GRACE="5": want a duration such as 5s or 1m30s`}},
		{"SHUTDOWN_GRACE=-1s", []string{`invalid SHUTDOWN_GRACE="-1s": want a duration such as 5s or 1m30s`}},
		{"LISTEN=tcp://2375", []string{`invalid LISTEN="tcp://2375": did you mean tcp://:2375? ` + address}},
		{"LISTEN=:::2375", []string{`invalid LISTEN=":::2375": did you mean tcp://[::]:2375? ` + address}},
		{"LISTEN=0.0.0.0", []string{`invalid LISTEN="0.0.0.0": no port; did you mean tcp://0.0.0.0:2375? ` + address}},
		{"LISTEN=::1", []string{`invalid LISTEN="::1": no port; did you mean tcp://[::1]:2375? ` + address}},
		{"LISTEN=8080:2375", []string{`invalid LISTEN="8080:2375": the host 8080 is a number; did you mean tcp://:2375? ` + address}},
		{"LISTEN=66000", []string{`invalid LISTEN="66000": did you mean tcp://:66000?`}},
		{"LISTEN=run/x.sock", []string{`invalid LISTEN="run/x.sock": ` + address}},
		{"LISTEN=localhost:http", []string{`invalid LISTEN="localhost:http": bad port "http": ` + address}},
		{"CLIENT_A_LISTEN=tcp://2375 CLIENT_A_INFO=1", []string{`invalid CLIENT_A_LISTEN="tcp://2375": did you mean tcp://:2375? ` + address}},
		{"LISTEN=http://:2375", []string{`invalid LISTEN="http://:2375": ` + address}},
		{"LISTEN=tcp://localhost", []string{`invalid LISTEN="tcp://localhost": no port; did you mean tcp://localhost:2375? ` + address}},
		{"LISTEN=tcp://:66000", []string{`invalid LISTEN="tcp://:66000": bad port "66000": ` + address}},
		{"LISTEN=unix://relative", []string{`invalid LISTEN="unix://relative": the path is not absolute; did you mean unix:///relative? ` + address}},
		{"LISTEN=unix:///x?mode=0999", []string{`invalid LISTEN="unix:///x?mode=0999": bad mode "0999": ` + address}},
		{"LISTEN=tcp://127.0.0.1:0,,", []string{`invalid LISTEN="tcp://127.0.0.1:0,,": ` + address}},
		{"LISTEN=" + inUse, []string{`cannot listen on ` + inUse + `: the port is in use by another process`}},
		{"LISTEN=unix://" + file, []string{`cannot listen on unix://` + file + `: the path exists and is not a socket`}},
		{"LISTEN=unix://" + socket, []string{`cannot listen on unix://` + socket + `: another process answers on it`}},
		{"LISTEN=unix://" + dir + "/none/x", []string{`cannot listen on unix://` + dir + `/none/x: no such file or directory: want a directory ` + dir + `/none, such as a volume that is mounted there`}},
		{"SOCKET_PATH=docker.sock", []string{`invalid SOCKET_PATH="docker.sock": want an absolute path, which begins with /`}},
		{"SOCKET_PATH=unix:///var/run/docker.sock", []string{`invalid SOCKET_PATH="unix:///var/run/docker.sock": want the path alone, /var/run/docker.sock`}},
		{"SOCKET_PATH=/none/x.sock", []string{`no socket at SOCKET_PATH="/none/x.sock": mount the engine's with -v /var/run/docker.sock:/none/x.sock`}},
		{"SOCKET_PATH=" + dir, []string{`SOCKET_PATH="` + dir + `" is a directory: Docker makes one where the source of a bind mount does not exist; check its spelling, and remove the directory that was made there`}},
		{"SOCKET_PATH=" + file, []string{`SOCKET_PATH="` + file + `" is not a socket`}},
		{"ALLOW_FROM=10.0.0.300,10.0.0.1/8,web", []string{`invalid ALLOW_FROM="10.0.0.300,10.0.0.1/8,web": "10.0.0.300" is not an address; want one such as 10.0.0.5 or fd00::5; "10.0.0.1/8" names an address and a subnet; want 10.0.0.0/8 for all of it, or 10.0.0.1`}},
		{"CLIENT_A_FROM=*.example CLIENT_A_INFO=1", []string{`invalid CLIENT_A_FROM="*.example": "*.example" is neither an address such as`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=ja", []string{`invalid CLIENT_A_INFO="ja": ` + boolean}},
		{"CLIENT_A_FROM=web CLIENT_A_DENY=Nothing", []string{`invalid CLIENT_A_DENY="Nothing": no operation has this id; `}},
		{"CLIENT_A_FROM=web CLIENT_A_ALLOW_FILE=/none/allow CLIENT_A_INFO=1", []string{`cannot read CLIENT_A_ALLOW_FILE="/none/allow": no such file`}},
		{"CLIENT_A_FROM=web CLIENT_A_ALLOW_FILE=allow CLIENT_A_INFO=1", []string{`invalid CLIENT_A_ALLOW_FILE="allow": want an absolute path`}},
		{"SCOPE=web", []string{`invalid SCOPE="web": "web": want mine, name=PATTERN, label=KEY=VALUE or *, such as name=web`}},
		{"SCOPE=name=/web", []string{`invalid SCOPE="name=/web": "/web": want the name without /, as docker ps shows it: web`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_SCOPE=label=", []string{`invalid CLIENT_A_SCOPE="label=": label= has no key`}},
		{"SCOPES=mine SCOPE_CI=mine", []string{`SCOPES is no setting, and a scope that is misspelt would limit nobody: did you mean SCOPE?`, `SCOPE_CI is no setting`}},
		{"ALLOW=ContainerList:web", []string{`invalid ALLOW="ContainerList:web": this operation is not about one container, network or volume that has a name`}},
		{"ALLOW=ContainerRestart:/web", []string{`invalid ALLOW="ContainerRestart:/web": "/web": want the name without /`}},
		{"DENY=ContainerRestart:web", []string{`invalid DENY="ContainerRestart:web": only ALLOW can name objects`}},
		{"CLIENT_A_LISTEN=tcp://:x CLIENT_A_INFO=1", []string{`invalid CLIENT_A_LISTEN="tcp://:x": bad port "x": ` + address}},
		{"CLIENT_A_FROM= CLIENT_A_INFO=1", []string{`nothing identifies client a: CLIENT_A_FROM, CLIENT_A_CERT and CLIENT_A_LISTEN are empty`}},
		{"CLIENT_A_INFO=1", []string{`CLIENT_A_INFO belongs to a client that nothing identifies: set CLIENT_A_FROM to its addresses or host names, CLIENT_A_CERT or CLIENT_A_LISTEN`}},
		{"CLIENT_A_FROM=web CLIENT_A_NETWORK=1 CLIENT_A_INFO=1", []string{`CLIENT_A_NETWORK="1" is not a client variable: did you mean CLIENT_A_NETWORKS?`}},
		{"CLIENT_A_FROM=web CLIENT_A_LOG_LEVEL=debug CLIENT_A_INFO=1", []string{`CLIENT_A_LOG_LEVEL="debug" is not a client variable: want a toggle, ALLOW, DENY, PRESET, SCOPE, REDACT, GUARD, FROM, CERT or LISTEN behind CLIENT_A_`}},
		{"CLIENT_a_FROM=web CLIENT_a_INFO=1", []string{`invalid client name in CLIENT_a_FROM: want capital letters, digits and _`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 client_a_info=1", []string{`client_a_info has no effect: want capital letters, CLIENT_A_INFO`}},
		{"client_a_from=web", []string{`client_a_from has no effect: want capital letters, CLIENT_A_FROM`}},
		{"Client_A_Listen=tcp://:0", []string{`Client_A_Listen has no effect: want capital letters, CLIENT_A_LISTEN`}},
		{"CLIENT_FROM=web", []string{`CLIENT_FROM names no client: want a name in the middle, as in CLIENT_PORTAINER_FROM`}},
		{"CLIENT_MY-APP_FROM=web", []string{`invalid client name in CLIENT_MY-APP_FROM: want capital letters, digits and _ between them, as in CLIENT_MY_APP_FROM`}},
		{"CLIENT_A_FORM=web CLIENT_A_INFO=1", []string{`CLIENT_A_INFO belongs to a client that nothing identifies: did you mean CLIENT_A_FROM by CLIENT_A_FORM?`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 A_SCOPE=mine A_INFO=1", []string{`A_SCOPE has no effect: did you mean CLIENT_A_SCOPE?`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_GUARD=1 CLIENT_SECRET=x", []string{`CLIENT_GUARD names no client: want a name in the middle, as in CLIENT_PORTAINER_GUARD`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_redact=env", []string{`CLIENT_A_redact="env" is not a client variable: did you mean CLIENT_A_REDACT?`}},
		{"scope=mine", []string{`scope is no setting, and a scope that is misspelt would limit nobody: did you mean SCOPE?`}},
		{"GAURD=1", []string{`GAURD is no setting: did you mean GUARD?`}},
		{"CLIENT__FROM=web CLIENT__INFO=1", []string{`invalid client name in CLIENT__FROM: `}},
		{"CLIENT_A__FROM=web CLIENT_A__INFO=1", []string{`invalid client name in CLIENT_A__FROM: `}},
		{"CLIENT_A_FROM=web CLIENT_A__POST=1 CLIENT_A_INFO=1", []string{`CLIENT_A__POST="1" is not a client variable: `}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_ALLOW_FROM=10.0.0.5", []string{`client a_allow may do nothing: `}},
		{"CLIENT_ALLOW_FROM=10.0.0.5", []string{`client allow may do nothing: set what it needs, as in CLIENT_ALLOW_CONTAINERS=1; ALLOW_FROM is for all clients and has no prefix`}},
		{"CLIENT_A_FROM=web. CLIENT_A_INFO=1 CLIENT_B_FROM=Web CLIENT_B_INFO=1", []string{`CLIENT_A_FROM and CLIENT_B_FROM both have web: `}},
		{"CLIENT_A_FROM=10.0.0.0/8 CLIENT_A_INFO=1 CLIENT_B_FROM=::ffff:10.0.0.0/104 CLIENT_B_INFO=1", []string{`CLIENT_A_FROM and CLIENT_B_FROM both have 10.0.0.0/8: `}},
		{"CLIENT_A_FROM=fd00:0::1 CLIENT_A_INFO=1 CLIENT_B_FROM=fd00::0:1/128 CLIENT_B_INFO=1", []string{`CLIENT_A_FROM and CLIENT_B_FROM both have fd00::1: `}},
		{"CLIENT_A_FROM=web", []string{`client a may do nothing: set what it needs, as in CLIENT_A_CONTAINERS=1`}},
		{"CLIENT_A_FROM=web CLIENT_A_CONTAINERS=0 CLIENT_A_DENY=*", []string{`client a may do nothing: `}},
		{"CLIENT_A_FROM=web,10.0.0.5 CLIENT_A_INFO=1 CLIENT_B_FROM=10.0.0.5/32,WEB CLIENT_B_INFO=1", []string{
			`CLIENT_A_FROM and CLIENT_B_FROM both have web: it can identify one client only`,
			`CLIENT_A_FROM and CLIENT_B_FROM both have 10.0.0.5: it can identify one client only`}},
		{"CLIENT_A_LISTEN=unix:///none/a CLIENT_A_INFO=1 CLIENT_B_LISTEN=unix:///none/a?mode=0600 CLIENT_B_INFO=1", []string{
			`CLIENT_A_LISTEN and CLIENT_B_LISTEN both have unix:///none/a: it can identify one client only`,
			`cannot listen on unix:///none/a: `}},
		{"LISTEN=tcp://127.0.0.1:27117 CLIENT_A_LISTEN=tcp://127.0.0.1:27117 CLIENT_A_INFO=1", []string{`LISTEN and CLIENT_A_LISTEN both have tcp://127.0.0.1:27117: it can identify one client only`}},
		{"CLIENT_A_FROM=web CLIENT_A_INFO=1 CLIENT_A_LIBPOD_FROM=db CLIENT_A_LIBPOD_INFO=1", []string{`CLIENT_A_LIBPOD_INFO could be a variable of client a or of client a_libpod: rename one of them`}},
		{"CLIENT_A_FROM=10.0.1.5 CLIENT_A_INFO=1 ALLOW_FROM=10.0.0.0/24", []string{`CLIENT_A_FROM has 10.0.1.5, which ALLOW_FROM=10.0.0.0/24 shuts out`}},
		{`VOLUMES="1"`, []string{`invalid VOLUMES="\"1\"": want 1 without the quotes`}},
		{`POST='true'`, []string{`invalid POST="'true'": want true without the quotes`}},
		{`CONTAINERS="1`, []string{`invalid CONTAINERS="\"1": want 1 without the quotes`}},
		{`CONTAINERS=“1”`, []string{`invalid CONTAINERS="“1”": want 1 without the quotes`}},
		{`LISTEN="tcp://127.0.0.1:0"`, []string{`invalid LISTEN="\"tcp://127.0.0.1:0\"": want tcp://127.0.0.1:0 without the quotes`}},
		{`ALLOW="ContainerList","ImageList"`, []string{`invalid ALLOW="\"ContainerList\",\"ImageList\"": want ContainerList,ImageList without the quotes`}},
		{`SCOPE=label="team=a"`, []string{`invalid SCOPE="label=\"team=a\"": want label=team=a without the quotes`}},
		{`PRESET='traefik'`, []string{`invalid PRESET="'traefik'": want traefik without the quotes`}},
		{`LOG_LEVEL="debug"`, []string{`invalid LOG_LEVEL="\"debug\"": want debug without the quotes`}},
		{`SHUTDOWN_GRACE='5s'`, []string{`invalid SHUTDOWN_GRACE="'5s'": want 5s without the quotes`}},
		{`METRICS_LISTEN=""`, []string{`invalid METRICS_LISTEN="\"\"": want it without the quotes`}},
		{`CLIENT_A_FROM="web" CLIENT_A_INFO='1'`, []string{`invalid CLIENT_A_FROM="\"web\"": want web without the quotes`, `invalid CLIENT_A_INFO="'1'": want 1 without the quotes`}},
		{"POST=maybe EXEC=perhaps LOG_LEVEL=loud LOG_FORMAT=xml SHUTDOWN_GRACE=soon SOCKET_PATH=/none/x.sock LISTEN=" + inUse + ",unix://" + file, []string{
			`invalid EXEC="perhaps": `, `invalid POST="maybe": `, `invalid LOG_LEVEL="loud": `, `invalid LOG_FORMAT="xml": `,
			`invalid SHUTDOWN_GRACE="soon": `, `no socket at SOCKET_PATH="/none/x.sock": `,
			`cannot listen on ` + inUse + `: `, `cannot listen on unix://` + file + `: `,
		}},
	} {
		variable, _, _ := strings.Cut(test.settings, "=")
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			environ := map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0"}
			for setting := range strings.FieldsSeq(test.settings) {
				name, value, _ := strings.Cut(setting, "=")
				environ[name] = value
			}
			r := harness.Run(t, environ)
			if r.Status != 2 || r.Stdout != "" {
				t.Errorf("%s: status %d, stdout %q, want 2 and nothing", test.settings, r.Status, r.Stdout)
			}
			lines := strings.Split(strings.TrimSuffix(r.Stderr, "\n"), "\n")
			if lines[0] != "postern: cannot start:" || len(lines) != 1+len(test.want) {
				t.Errorf("%s: stderr is\n%swant a heading and %d lines", test.settings, r.Stderr, len(test.want))
			}
			for _, want := range test.want {
				if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "  "+want) }) {
					t.Errorf("%s: stderr is\n%swant a line that begins with %q", test.settings, r.Stderr, want)
				}
			}
		})
	}
}

// TestFailedStartLeavesNoSocket asserts that a start that fails for one
// reason does not leave the socket of a listener that was fine.
func TestFailedStartLeavesNoSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(harness.SocketDir(t), "postern.sock")
	harness.Run(t, map[string]string{"SOCKET_PATH": "/none/x.sock", "LISTEN": "unix://" + path})
	if _, err := os.Lstat(path); err == nil {
		t.Errorf("%s is still there", path)
	}
}

// TestNoPermissionStopsTheStart asserts that a socket which postern's user may not use
// stops the start, with its owner and the remedy.
func TestNoPermissionStopsTheStart(t *testing.T) {
	t.Parallel()
	_, socket := harness.StandIn(t)
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	r := harness.Run(t, map[string]string{"SOCKET_PATH": socket, "LISTEN": "tcp://127.0.0.1:0"})
	want := fmt.Sprintf("no permission to connect: %s belongs to %d:%d with mode 0000, and postern runs as ", socket, os.Getuid(), os.Getgid())
	if !strings.Contains(r.Stderr, want) || !strings.HasSuffix(r.Stderr, "; the mode shuts it out: chmod 0660 "+socket+" on the host\n") || r.Status != 2 {
		t.Errorf("%v\nwant status 2 and %q", r, want)
	}
}
