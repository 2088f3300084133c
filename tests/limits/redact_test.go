package limits

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/tests/internal/engine"
	"postern/tests/internal/harness"
)

// inspect has the shape of an engine's inspect, secrets included.
const inspect = `{"Id":"4fa6e0f0c678","Created":"2026-01-02T03:04:05.678901234Z","Path":"docker-entrypoint.sh","Args":["postgres","--password=hunter2"],` +
	`"State":{"Status":"running","Pid":18446744073709551615,"Error":"","Health":{"Status":"healthy","FailingStreak":0,"Log":[{"Start":"2026-01-02T03:04:05Z","ExitCode":0,"Output":"hunter2"}]}},` +
	`"Name":"/db","RestartCount":0,"SizeRw":1e400,"HostConfig":{"Binds":null,"LogConfig":{"Type":"json-file","Config":{}}},` +
	`"Config":{"Hostname":"db","Env":["POSTGRES_PASSWORD=hunter2","VIRTUAL_HOST=db.example.com","PATH=/bin","EMPTY=","NOVALUE"],"Cmd":["postgres","--password=hunter2"],` +
	`"Healthcheck":{"Test":["CMD-SHELL","pg_isready hunter2"]},"Image":"postgres","Entrypoint":["docker-entrypoint.sh"],"OnBuild":null,"Labels":{"a.b":"c","Env":"x=y"}},` +
	`"NetworkSettings":{"Ports":{}}}` + "\n"

// respond is a handler that responds with a JSON text.
func respond(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
	})
}

// startRedacting starts postern with everything open and the settings, in front of an
// engine with the handlers.
func startRedacting(t *testing.T, handlers map[string]http.Handler, settings map[string]string) (*engine.Engine, *harness.Postern) {
	t.Helper()
	e, socket := harness.StandIn(t)
	for pattern, h := range handlers {
		e.Handle(pattern, h)
	}
	return e, harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket}, settings))
}

// TestRedactEnv asserts that values of variables are gone and all else is as the engine
// sent it, byte for byte, under old and new versions of the API and whatever the query.
func TestRedactEnv(t *testing.T) {
	t.Parallel()
	e, p := startRedacting(t, map[string]http.Handler{"GET /containers/{id}/json": respond(inspect)},
		map[string]string{"REDACT": "env", "REDACT_KEEP": "VIRTUAL_*,LETSENCRYPT_*"})
	want := strings.NewReplacer("POSTGRES_PASSWORD=hunter2", "POSTGRES_PASSWORD=***", "PATH=/bin", "PATH=***", `EMPTY="`, `EMPTY=***"`, `"Output":"hunter2"`, `"Output":"***"`).Replace(inspect)
	for _, target := range []string{"/containers/db/json", "/v1.12/containers/db/json?size=1", "/v1.52/containers/db/json?format={{json%20.}}", "/containers/a%2Fb/json", "/v1.41/containers/db/json?size=1;Env=1"} {
		r := p.Get(target, "Accept-Encoding: gzip, identity;q=0")
		if r.Status != 200 || r.Body != want {
			t.Errorf("%s: %d\n got %s\nwant %s", target, r.Status, r.Body, want)
		}
		if length := r.Header.Get("Content-Length"); length != fmt.Sprint(len(want)) {
			t.Errorf("%s: Content-Length %q, want %d", target, length, len(want))
		}
	}
	p.Get("/containers/db/logs", "Accept-Encoding: gzip") // not looked at
	for _, r := range e.Requests() {
		if got, want := r.Header.Get("Accept-Encoding"), map[bool]string{true: "gzip"}[strings.HasSuffix(r.Target, "/logs")]; got != want {
			t.Errorf("%s: the engine was asked for the encoding %q, want %q", r.Target, got, want)
		}
	}
}

// TestRedactArgs asserts that command lines are gone, also out of the list of processes.
func TestRedactArgs(t *testing.T) {
	t.Parallel()
	_, p := startRedacting(t, map[string]http.Handler{
		"GET /containers/{id}/json": respond(inspect),
		"GET /containers/json":      respond(`[{"Id":"1","Names":["/db"],"Command":"docker-entrypoint.sh hunter2","Labels":{"Command":"x"},"SizeRw":1}]`),
		"GET /containers/{id}/top":  respond(`{"Processes":[["999","4711","1","00:00:01","postgres hunter2"]],"Titles":["UID","PID","PPID","TIME","CMD"]}`),
		"GET /exec/{id}/json":       respond(`{"ID":"1","ProcessConfig":{"tty":false,"entrypoint":"sh","arguments":["-c","hunter2"],"privileged":false}}`),
		"GET /images/{id}/history":  respond(`[{"Id":"x","CreatedBy":"ENV SECRET=hunter2"},{"Id":"y","CreatedBy":"|1 A=hunter2 /bin/sh -c make"}]`),
		"GET /system/df":            respond(`{"Containers":[{"Command":"hunter2"}],"ContainerUsage":{"Items":[{"Command":"hunter2"}]},"BuildCache":[{"Description":"RUN hunter2"}]}`),
	}, map[string]string{"REDACT": "args"})
	want := strings.NewReplacer(`"Path":"docker-entrypoint.sh"`, `"Path":"***"`, `"Args":["postgres","--password=hunter2"]`, `"Args":["***","***"]`, `"Cmd":["postgres","--password=hunter2"]`, `"Cmd":["***","***"]`,
		"pg_isready hunter2", "***", `["docker-entrypoint.sh"]`, `["***"]`, `"Output":"hunter2"`, `"Output":"***"`).Replace(inspect)
	for target, want := range map[string]string{
		"/containers/db/json":              want,
		"/containers/json?size=1":          `[{"Id":"1","Names":["/db"],"Command":"***","Labels":{"Command":"x"},"SizeRw":1}]`,
		"/containers/db/top":               `{"Processes":[["999","4711","1","00:00:01","***"]],"Titles":["UID","PID","PPID","TIME","CMD"]}`,
		"/containers/db/top?ps_args=aux":   `{"Processes":[["999","4711","1","00:00:01","***"]],"Titles":["UID","PID","PPID","TIME","CMD"]}`,
		"/exec/1/json":                     `{"ID":"1","ProcessConfig":{"tty":false,"entrypoint":"***","arguments":["***","***"],"privileged":false}}`,
		"/v1.24/images/db/history":         `[{"Id":"x","CreatedBy":"***"},{"Id":"y","CreatedBy":"***"}]`,
		"/system/df?type=container":        `{"Containers":[{"Command":"***"}],"ContainerUsage":{"Items":[{"Command":"***"}]},"BuildCache":[{"Description":"***"}]}`,
		"/v1.41/containers/json?all=1&x=y": `[{"Id":"1","Names":["/db"],"Command":"***","Labels":{"Command":"x"},"SizeRw":1}]`,
	} {
		if r := p.Get(target); r.Status != 200 || r.Body != want {
			t.Errorf("%s: %d\n got %s\nwant %s", target, r.Status, r.Body, want)
		}
	}
}

// TestRedactFailures asserts that what an OCI runtime says of a program that it cannot
// start is gone, and that other failures are told.
func TestRedactFailures(t *testing.T) {
	t.Parallel()
	const failure = `OCI runtime create failed: exec: \"hunter2\": not found`
	_, p := startRedacting(t, map[string]http.Handler{
		"GET /containers/{id}/json":     respond(`{"Id":"1","State":{"Error":"` + failure + `"}}`),
		"POST /containers/{id}/wait":    respond(`{"Error":{"Message":"` + failure + `"},"StatusCode":127}`),
		"POST /containers/{id}/start":   answers(400, `{"message":"`+failure+`"}`),
		"POST /plugins/{name}/enable":   answers(500, `{"message":"`+failure+`"}`),
		"POST /containers/{id}/restart": answers(500, `{"message":"Bind for 0.0.0.0:80 failed: port is already allocated"}`),
		"GET /tasks/{id}":               respond(`{"ID":"1","Status":{"Err":"` + failure + `"}}`),
	}, map[string]string{"REDACT": "args"})
	for request, want := range map[string]string{
		"GET /containers/web/json":     `200 {"Id":"1","State":{"Error":"***"}}`,
		"POST /containers/web/wait":    `200 {"Error":{"Message":"***"},"StatusCode":127}`,
		"POST /containers/web/start":   `400 {"message":"***"}`,
		"POST /plugins/nfs/enable":     `500 {"message":"***"}`,
		"POST /containers/web/restart": `500 {"message":"Bind for 0.0.0.0:80 failed: port is already allocated"}`,
		"GET /tasks/1":                 `200 {"ID":"1","Status":{"Err":"***"}}`,
	} {
		method, target, _ := strings.Cut(request, " ")
		r := harness.Send(t, p.Dial(), harness.Head(method, target, "Content-Length: 0"))
		if got := fmt.Sprint(r.Status, " ", r.Body); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

// TestRedactTop asserts that ps can be asked neither for environments nor for a cell for
// each word of a command line, which may be a number.
func TestRedactTop(t *testing.T) {
	t.Parallel()
	for _, kinds := range []string{"env", "args", "env,args"} {
		e, p := startRedacting(t, map[string]http.Handler{"GET /containers/{id}/top": respond(`{"Processes":[["1","sh"]],"Titles":["PID","CMD"]}`)}, map[string]string{"REDACT": kinds})
		for query, status := range map[string]int{
			"": 200, "?ps_args=-ef": 200, "?ps_args=aux": 200, "?ps_args=": 200, "?x=eww": 200,
			"?ps_args=eww": 403, "?PS_ARGS=eww": 403, "?ps_args=-ef&ps_args=eww": 403, "?ps%5Fargs=e": 403, "?x=1;ps_args=eww": 403, "?ps_args=aux+e": 403,
			"?ps_args=-eo+pid,args,eww,eww": 403,
		} {
			if r := p.Get("/containers/web/top" + query); r.Status != status {
				t.Errorf("REDACT=%s: top%s: %d %s, want %d", kinds, query, r.Status, r.Body, status)
			}
		}
		for _, target := range harness.Targets(e) {
			if strings.Contains(target, "eww") && !strings.HasSuffix(target, "?x=eww") {
				t.Errorf("%s was forwarded", target)
			}
		}
	}
}

// TestRedactEvents asserts that the command line is gone from an event, and that each
// event arrives at once.
func TestRedactEvents(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	_, p := startRedacting(t, map[string]http.Handler{"GET /events": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for event := range next {
			io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	})}, map[string]string{"REDACT": "args"})
	defer close(next)
	client := make(chan *bufio.Reader, 1)
	go func() {
		defer close(client)
		response, _, _ := p.Open(harness.Head("GET", "/events"))
		client <- bufio.NewReader(response.Body)
	}()
	var body *bufio.Reader
	for _, test := range [][2]string{
		{`{"status":"exec_create: sh -c hunter2","Action":"exec_create: sh -c hunter2","Actor":{"Attributes":{"execID":"1","name":"web"}}}`, `{"status":"exec_create: ***","Action":"exec_create: ***","Actor":{"Attributes":{"execID":"1","name":"web"}}}`},
		{`{"Action":"health_status: healthy"}`, `{"Action":"health_status: healthy"}`},
		{"\x1e" + `{"Action":"exec_start: \u0068unter2"}`, "\x1e" + `{"Action":"exec_start: ***"}`},
	} {
		next <- test[0] + "\n"
		if body == nil {
			if body = <-client; body == nil {
				t.Fatal("the response does not begin with the first event")
			}
		}
		if line, err := body.ReadString('\n'); line != test[1]+"\n" || err != nil {
			t.Errorf("got %q, %v, want %q", line, err, test[1])
		}
	}
}

// TestNotRedactable asserts that what cannot be redacted is refused, with the setting
// that would allow it, and not forwarded.
func TestNotRedactable(t *testing.T) {
	t.Parallel()
	e, p := startRedacting(t, nil, map[string]string{"REDACT": "env"})
	for target, want := range map[string]string{
		"/libpod/containers/x/json":           "(ContainerInspectLibpod) is not allowed: Podman's own API is not redacted",
		"/v4.0.0/libpod/images/x/json":        "(ImageInspectLibpod) is not allowed: Podman's own API is not redacted",
		"/libpod/generate/kube?names=x":       "is not allowed: Podman's own API is not redacted",
		"/libpod/containers/x/unknown":        "is not allowed: what it responds is not known",
		"/containers/x/secrets-of-the-future": "GET /containers/x/secrets-of-the-future is not allowed: what it responds is not known",
		"/containers/x%2Fjson":                "is not allowed: its path can be read as two operations",
	} {
		r := p.Get(target)
		if r.Status != 403 || !strings.Contains(r.Message(), want) || !strings.HasSuffix(r.Message(), "(REDACT=env); set REDACT=none") {
			t.Errorf("%s: %d %s, want 403 and %q", target, r.Status, r.Body, want)
		}
	}
	if targets := harness.Targets(e); len(targets) > 0 {
		t.Errorf("%q were forwarded", targets)
	}
	for _, target := range []string{"/libpod/_ping", "/libpod/version", "/libpod/info", "/_ping"} {
		if r := p.Get(target); r.Status != 200 {
			t.Errorf("%s: %d %s", target, r.Status, r.Body)
		}
	}
}

// TestRedactedValuesAreNotWritten asserts that a body with a redacted value in it is
// refused, and every other one forwarded as it came.
func TestRedactedValuesAreNotWritten(t *testing.T) {
	t.Parallel()
	var got string
	_, p := startRedacting(t, map[string]http.Handler{"POST /": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
	})}, map[string]string{"REDACT": "env"})
	for _, test := range []struct {
		target, body string
		status       int
		message      string
	}{
		{"/containers/create?name=x", `{"Image":"x", "Env":["A=b","B=","C=****"],"Labels":{"x":"A=***"}} `, 200, ""},
		{"/containers/create", ``, 200, ""},
		{"/containers/create", `{"Image":"x","Env":["A=b","B=***"]}`, 400, `POST /containers/create (ContainerCreate) is not allowed: its body has "***" for a value, which stands for one that was not shown (REDACT=env); set REDACT=none`},
		{"/v1.24/containers/create", `{"env":["B=\u002a**"]}`, 400, `"***"`},
		{"/containers/web/exec", `{"Cmd":["env"],"Env":["B=***"]}`, 400, `(ContainerExec) is not allowed`},
		{"/commit?container=web", `{"Env":["B=***"]}`, 400, `(ImageCommit) is not allowed`},
		{"/services/create", `{"TaskTemplate":{"ContainerSpec":{"Env":["B=***"]}}}`, 400, `(ServiceCreate) is not allowed`},
		{"/services/x/update?version=1", `{"TaskTemplate":{"ContainerSpec":{"Env":["B=***"]}}}`, 400, `(ServiceUpdate) is not allowed`},
		{"/containers/create", `{"Env":`, 400, "its body cannot be read"},
		{"/containers/create", `{"Image":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "its body is longer than 1 MiB"},
		{"/images/load", strings.Repeat("x", 2<<20), 200, ""},
	} {
		got = "nothing"
		r := harness.Send(t, p.Dial(), harness.Head("POST", test.target, fmt.Sprint("Content-Length: ", len(test.body)))+test.body)
		forwarded := test.status == 200
		if r.Status != test.status || !strings.Contains(r.Message(), test.message) || forwarded && got != test.body || !forwarded && got != "nothing" {
			t.Errorf("%s %.60s: %d %.200s, want %d %q", test.target, test.body, r.Status, r.Body, test.status, test.message)
		}
	}
	got = "nothing"
	response, reader, _ := p.Open(harness.Head("POST", "/containers/create", "Transfer-Encoding: chunked", "Expect: 100-continue") + "2\r\n{}\r\n0\r\n\r\n")
	if response.StatusCode == http.StatusContinue {
		response, _ = http.ReadResponse(reader, nil)
	}
	if response == nil || response.StatusCode != 200 || got != "{}" {
		t.Errorf("a chunked body: %v, the engine got %q", response, got)
	}
}

// TestRedactIsInherited asserts who has whose REDACT: a client without one of its own
// has the unprefixed one, with REDACT_KEEP unless it has that one; none undoes it.
func TestRedactIsInherited(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("GET /containers/{id}/json", respond(`{"Path":"p","Config":{"Env":["A=1","B=2"]}}`))
	client := func(name, address string, settings ...string) map[string]string {
		all := map[string]string{"CLIENT_" + name + "_FROM": address, "CLIENT_" + name + "_CONTAINERS": "1"}
		for i := 0; i < len(settings); i += 2 {
			all["CLIENT_"+name+"_"+settings[i]] = settings[i+1]
		}
		return all
	}
	p := harness.Start(t, harness.With(map[string]string{"SOCKET_PATH": socket, "CONTAINERS": "1", "REDACT": "env", "REDACT_KEEP": "A"},
		client("PLAIN", "127.0.0.2"), client("NONE", "127.0.0.3", "REDACT", "none"), client("OWN", "127.0.0.4", "REDACT", "env"),
		client("ARGS", "127.0.0.5", "REDACT", "args"), client("KEEP", "127.0.0.6", "REDACT_KEEP", "B"), client("EMPTY", "127.0.0.7", "REDACT", "")))
	for address, want := range map[string]string{
		"127.0.0.1": `{"Path":"p","Config":{"Env":["A=1","B=***"]}}`,
		"127.0.0.2": `{"Path":"p","Config":{"Env":["A=1","B=***"]}}`,
		"127.0.0.3": `{"Path":"p","Config":{"Env":["A=1","B=2"]}}`,
		"127.0.0.4": `{"Path":"p","Config":{"Env":["A=***","B=***"]}}`,
		"127.0.0.5": `{"Path":"***","Config":{"Env":["A=1","B=2"]}}`,
		"127.0.0.6": `{"Path":"p","Config":{"Env":["A=***","B=2"]}}`,
		"127.0.0.7": `{"Path":"p","Config":{"Env":["A=1","B=***"]}}`,
	} {
		if r := harness.Send(t, p.DialFrom(address), harness.Head("GET", "/containers/web/json")); r.Body != want {
			t.Errorf("from %s: %d %s, want %s", address, r.Status, r.Body, want)
		}
	}
}

// TestRedactWhileLearning asserts that LEARN=1, which allows everything, shows no more.
func TestRedactWhileLearning(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("GET /containers/{id}/json", respond(`{"Config":{"Env":["A=1"]}}`))
	p := harness.Start(t, map[string]string{"SOCKET_PATH": socket, "LEARN": "1", "REDACT": "env"})
	if r := p.Get("/containers/web/json"); r.Body != `{"Config":{"Env":["A=***"]}}` {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestAttachUnderRedact asserts that hijacked connections work as without REDACT.
func TestAttachUnderRedact(t *testing.T) {
	t.Parallel()
	_, p := startRedacting(t, nil, map[string]string{"REDACT": "env,args"})
	for _, request := range []string{
		harness.Head("POST", "/containers/worker/attach?stream=1&stdin=1&stdout=1", "Connection: Upgrade", "Upgrade: tcp"),
	} {
		response, _, _ := p.Open(request)
		if response.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%q: %s", request, response.Status)
		}
	}
}
