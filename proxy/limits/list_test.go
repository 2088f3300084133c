package limits

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"postern/acl"
	"postern/acl/scope"
)

// listOf is the engine's list of n containers, as long as real ones.
func listOf(n int) string {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"Id":"%064x","Names":["/web-%d"],"Image":"ghcr.io/a/b:1","ImageID":"sha256:%064x","Command":"nginx -g 'daemon off;'","Created":1795688128,"Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}],`+
			`"Labels":{"com.docker.compose.config-hash":"%064x","com.docker.compose.project":"site","com.docker.compose.service":"web","maintainer":"NGINX","team":"a","traefik.http.routers.web.rule":"Host(\"x.example\")"},`+
			`"State":"running","Status":"Up 2 hours","HostConfig":{"NetworkMode":"site_default"},"NetworkSettings":{"Networks":{"site_default":{"IPAMConfig":null,"Links":null,"Aliases":null,"NetworkID":"%064x","EndpointID":"%064x","Gateway":"172.18.0.1","IPAddress":"172.18.0.2","IPPrefixLen":16,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"MacAddress":"02:42:ac:12:00:02","DriverOpts":null}}},`+
			`"Mounts":[{"Type":"volume","Name":"site_data","Source":"","Destination":"/data","Driver":"local","Mode":"z","RW":true,"Propagation":""}]}`, i, i, i%20, i, i, i)
	}
	b.WriteString("]\n")
	return b.String()
}

// engineOf answers every lookup of an image, and a list with a text.
type engineOf string

func (e engineOf) RoundTrip(r *http.Request) (*http.Response, error) {
	text := string(e)
	if strings.HasPrefix(r.URL.Path, "/images/") {
		text = `{"Id":"x","Config":{"Labels":{"maintainer":"NGINX"}}}`
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text))}, nil
}

// passList passes a list through a scope and returns what is left of it.
func passList(t testing.TB, l *Limits, list string) int64 {
	policy := acl.Compile(acl.Only("ContainerList"))
	r := (&http.Request{Method: "GET", URL: &url.URL{Path: "/containers/json"}, Header: http.Header{}, Body: http.NoBody}).WithContext(context.Background())
	passed, refusal := l.Check(policy.Decide("GET", r.URL), r)
	if refusal != nil {
		t.Fatal(refusal.Reason)
	}
	res, _ := engineOf(list).RoundTrip(passed.Request)
	if err := passed.Response(res); err != nil {
		t.Fatal(err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, make([]byte, 32<<10))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return n
}

// limitsOf are the limits of a client with a scope.
func limitsOf(t testing.TB, value, list string) *Limits {
	s, err := scope.Parse(value, "ci")
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Engine: NewEngine(engineOf(list)), Client: "ci", Scope: s}, false)
}

// TestCostOfAList asserts that a list of 200 containers costs less than 256 KiB of memory
// in a scope, and that nothing is lost of it if all are in the scope.
func TestCostOfAList(t *testing.T) { // not parallel: it counts what the process allocates
	list := listOf(200)
	for _, value := range []string{"name=web-*", "label=team=a", "name=web-1"} {
		l := limitsOf(t, value, list)
		n := passList(t, l, list)
		if value != "name=web-1" && n != int64(len(list)) {
			t.Errorf("SCOPE=%s: %d bytes, want all %d", value, n, len(list))
		}
		const runs = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			passList(t, l, list)
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 256<<10 {
			t.Errorf("SCOPE=%s: %d bytes for a list of %d bytes, want at most 256 KiB", value, got, len(list))
		}
	}
}

// BenchmarkList measures what a list of 200 containers costs: at most 2 ms.
func BenchmarkList(b *testing.B) {
	list := listOf(200)
	for _, value := range []string{"name=web-*", "label=team=a"} {
		b.Run(value, func(b *testing.B) {
			l := limitsOf(b, value, list)
			b.ReportAllocs()
			for b.Loop() {
				passList(b, l, list)
			}
		})
	}
}
