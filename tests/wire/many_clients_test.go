package wire

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"postern/tests/internal/harness"
)

// TestConcurrentClientsGetTheirOwnResponses asserts that clients that work at the
// same time get their own responses: forwarded and refused requests and hijacked
// connections mixed.
func TestConcurrentClientsGetTheirOwnResponses(t *testing.T) {
	t.Parallel()
	e, socket := harness.StandIn(t)
	e.Handle("/images/{name}/json", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat(r.PathValue("name")+"\n", 1000))
	}))
	e.Handle("POST /session", http.HandlerFunc(echoUpgraded))
	p := harness.Start(t, harness.With(harness.AllOn(), map[string]string{"SOCKET_PATH": socket, "SECRETS": "0"}))

	// ask sends a request on a connection that stays open and returns the body.
	ask := func(conn io.Writer, reader *bufio.Reader, request string) string {
		io.WriteString(conn, request)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err.Error()
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err.Error()
		}
		return string(body)
	}
	const (
		clients  = 50
		requests = 20
	)
	var wait sync.WaitGroup
	for client := range clients {
		conn := p.Dial()
		wait.Go(func() {
			reader := bufio.NewReader(conn)
			for n := range requests {
				name := fmt.Sprintf("image-%d-%d", client, n)
				got := ask(conn, reader, harness.Head("GET", "/images/"+name+"/json", "Connection: keep-alive"))
				if want := strings.Repeat(name+"\n", 1000); got != want {
					t.Errorf("client %d asked for %s and got %d bytes: %.100q", client, name, len(got), got)
				}
				got = ask(conn, reader, harness.Head("GET", "/secrets/"+name, "Connection: keep-alive"))
				if !strings.Contains(got, name) || !strings.Contains(got, "set SECRETS=1") {
					t.Errorf("client %d was refused %s with %q", client, name, got)
				}
			}
			ask(conn, reader, harness.Head("POST", "/session", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 0"))
			said := fmt.Sprintf("client %d\n", client)
			io.WriteString(conn, said)
			if got, err := reader.ReadString('\n'); got != said {
				t.Errorf("client %d was echoed %q, %v", client, got, err)
			}
		})
	}
	wait.Wait()
}
