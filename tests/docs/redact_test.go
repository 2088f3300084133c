package docs

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"postern/acl"
	"postern/acl/redact"
	"postern/tests/internal/harness"
)

// TestRedactPage runs the example of docs/redact.md, and compares the refusal that it
// shows and the operations that it names with the code's.
func TestRedactPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(harness.File("docs/redact.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	var example struct{ Environment map[string]string }
	if err := yaml.Unmarshal([]byte(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(page)[1]), &example); err != nil {
		t.Fatal(err)
	}
	envs := regexp.MustCompile(`(?m)^\["POSTGRES.*$`).FindAllString(page, -1)
	if len(envs) != 2 {
		t.Fatalf("the page shows %q, want Env before and after", envs)
	}
	e, socket := harness.StandIn(t)
	e.Handle("GET /containers/db/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"Config":{"Env":%s}}`, envs[0])
	}))
	p := harness.Start(t, harness.With(example.Environment, map[string]string{"SOCKET_PATH": socket, "ALLOW": "ContainerCreate"}))
	if r := p.Get("/containers/db/json"); r.Body != `{"Config":{"Env":`+envs[1]+`}}` {
		t.Errorf("the page shows %s, and postern responds %d %s", envs[1], r.Status, r.Body)
	}
	body := `{"Env":["A=***"]}`
	conn := p.Dial()
	io.WriteString(conn, harness.Head("POST", "/containers/create", fmt.Sprint("Content-Length: ", len(body))))
	refused := strings.TrimPrefix(harness.Send(t, conn, body).Message(), "postern: ")
	if refused == "" || !strings.Contains(page, "\n"+refused+"\n") {
		t.Errorf("the page does not show %q", refused)
	}
	everything := acl.Compile(acl.Rules{Allow: []string{"*"}})
	for _, id := range (redact.Redaction{Kinds: redact.Env}).Around(everything) {
		if named := strings.Contains(page, "`"+id+"`"); !named && !regexp.MustCompile(`^(Exec|Service|Plugin|Swarm|Put|Checkpoint)`).MatchString(id) {
			t.Errorf("the page does not name %s", id)
		}
	}
}
