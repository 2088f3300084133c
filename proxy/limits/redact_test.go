package limits

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"postern/acl/redact"
)

// list is the list of 200 containers with the labels of a reverse proxy, 1.4 KB each.
var list = func() string {
	var items []string
	for i := range 200 {
		var labels []string
		for l := range 12 {
			labels = append(labels, fmt.Sprintf(`"traefik.http.routers.service-%d-%d.rule":"Host(\"service-%d.example.com\") && PathPrefix(\"/%d\")"`, i, l, i, l))
		}
		items = append(items, fmt.Sprintf(`{"Id":"%064d","Names":["/service-%d"],"Image":"nginx","Command":"nginx -g 'daemon off;'","Created":1700000000,`+
			`"Ports":[{"PrivatePort":80,"Type":"tcp"}],"Labels":{%s},"State":"running"}`, i, i, strings.Join(labels, ",")))
	}
	return "[" + strings.Join(items, ",") + "]\n"
}()

// readList reads the list as ReverseProxy does, redacted if r says so.
func readList(b testing.TB, r Redaction) {
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(list)), ContentLength: -1}
	if r.Kinds != 0 {
		if err := r.change(res, r.Redaction.Response("ContainerList"), false); err != nil {
			b.Fatal(err)
		}
	}
	buffer := make([]byte, 32<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, buffer)
	if err != nil || n < int64(len(list)-20000) {
		b.Fatal(n, err)
	}
}

func benchmarkList(kinds redact.Kinds) func(*testing.B) {
	return func(b *testing.B) {
		b.SetBytes(int64(len(list)))
		b.ReportAllocs()
		for b.Loop() {
			readList(b, Redaction{Redaction: redact.Redaction{Kinds: kinds}})
		}
	}
}

func BenchmarkRedactedList(b *testing.B) {
	b.Run("plain", benchmarkList(0))
	b.Run("env", benchmarkList(redact.Env))
	b.Run("redacted", benchmarkList(redact.Env|redact.Args))
}

// TestListTakesLittleMemory asserts that redacting the list takes at most 256 KiB more than
// passing it on. BenchmarkRedactedList measures the time.
func TestListTakesLittleMemory(t *testing.T) {
	allocated := func(kinds redact.Kinds) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		readList(t, Redaction{Redaction: redact.Redaction{Kinds: kinds}})
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	allocated(redact.Args) // what is made once
	if plain, redacted := allocated(0), allocated(redact.Args); redacted > plain+256<<10 {
		t.Errorf("redacted %d bytes, plain %d", redacted, plain)
	}
}
