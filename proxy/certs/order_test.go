package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/proxy/privilege"
)

func make2026(t *testing.T, o Order, days int) string {
	t.Helper()
	var out bytes.Buffer
	if err := o.Make(&out, start.AddDate(0, 0, days)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var start = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func pairIn(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	pair, err := readPair(dir)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestRenewal asserts that what expires within 30 days is renewed with a new key, also
// what the order does not name, and nothing else.
func TestRenewal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make2026(t, Order{Dir: dir, Hosts: []string{"procyon.lan", "10.0.0.7"}, Names: []string{"gerard", "traefik"}}, 0)
	ca, gerard, server := pairIn(t, filepath.Join(dir, "ca")), pairIn(t, filepath.Join(dir, "gerard")), pairIn(t, filepath.Join(dir, "server"))
	if got := gerard.Leaf.NotAfter.Sub(start); got != 825*24*time.Hour {
		t.Errorf("a client's certificate is valid for %v, want 825 days", got)
	}
	if got := ca.Leaf.NotAfter; !got.Equal(start.AddDate(10, 0, 0)) {
		t.Errorf("the CA is valid until %v, want 10 years", got)
	}
	if !slices.Equal(Names(server.Leaf), []string{"procyon.lan", "10.0.0.7"}) {
		t.Errorf("the server's names are %q", Names(server.Leaf))
	}

	if out := make2026(t, Order{Dir: dir}, 825-31); strings.Contains(out, "renewed") {
		t.Errorf("31 days before the end: %s", out)
	}
	out := make2026(t, Order{Dir: dir, Names: []string{"anna"}}, 825-29)
	for _, want := range []string{"/server: renewed; restart postern for procyon.lan, 10.0.0.7, until 2031-", "/gerard: renewed, until 2031-", "/traefik: renewed, until 2031-", "/anna: new, until 2031-"} {
		if !strings.Contains(out, want) {
			t.Errorf("29 days before the end: %s\nwant %s", out, want)
		}
	}
	later := pairIn(t, filepath.Join(dir, "gerard"))
	if bytes.Equal(later.Leaf.RawSubjectPublicKeyInfo, gerard.Leaf.RawSubjectPublicKeyInfo) {
		t.Error("the renewed certificate has the old key")
	}
	if !bytes.Equal(pairIn(t, filepath.Join(dir, "ca")).Certificate[0], ca.Certificate[0]) {
		t.Error("the CA is another one")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	if _, err := later.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: start.AddDate(0, 0, 900), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	if _, err := later.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: start.AddDate(0, 0, 900)}); err == nil {
		t.Error("a client's certificate can be a server's")
	}

	// No certificate outlives the CA, and no certificate comes from one that ends soon.
	make2026(t, Order{Dir: dir, Names: []string{"late"}}, 3600)
	if late := pairIn(t, filepath.Join(dir, "late")); !late.Leaf.NotAfter.Equal(ca.Leaf.NotAfter) {
		t.Errorf("a certificate is valid until %v, its CA until %v", late.Leaf.NotAfter, ca.Leaf.NotAfter)
	}
	if err := (Order{Dir: dir}).Make(&bytes.Buffer{}, start.AddDate(10, 0, -20)); err == nil || !strings.Contains(err.Error(), "expires on 2036-11-26: make another one") {
		t.Errorf("20 days before the CA's end: %v", err)
	}
}

// TestMakeLeavesOthersAlone asserts that half a pair, another CA's certificate and
// folders of something else are not overwritten.
func TestMakeLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	order := Order{Dir: dir, Hosts: []string{"procyon.lan"}, Names: []string{"gerard"}}
	make2026(t, order, 0)
	make2026(t, Order{Dir: other, Hosts: []string{"procyon.lan"}, Names: []string{"anna"}}, 0)
	if err := os.Rename(filepath.Join(other, "anna"), filepath.Join(dir, "anna")); err != nil {
		t.Fatal(err)
	}
	before := pairIn(t, filepath.Join(dir, "anna"))
	make2026(t, Order{Dir: dir}, 820)
	if !bytes.Equal(pairIn(t, filepath.Join(dir, "anna")).Certificate[0], before.Certificate[0]) {
		t.Error("another CA's certificate was renewed")
	}
	for _, half := range []string{"ca", "gerard", "server"} {
		key, err := os.ReadFile(filepath.Join(dir, half, keyFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, half, certFile), filepath.Join(other, half+".kept")); err != nil {
			t.Fatal(err)
		}
		if err := order.Make(&bytes.Buffer{}, start); err == nil || !strings.Contains(err.Error(), "a key without a certificate") {
			t.Errorf("half a pair in %s: %v", half, err)
		}
		if now, err := os.ReadFile(filepath.Join(dir, half, keyFile)); err != nil || !bytes.Equal(now, key) {
			t.Errorf("the key in %s is another one", half)
		}
		if err := os.Rename(filepath.Join(other, half+".kept"), filepath.Join(dir, half, certFile)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, o := range []Order{
		{Dir: "x", Hosts: []string{"procyon"}},
		{Dir: "x", Hosts: []string{"*.lan", "10.0.0.7", "::1", "a_b.example", "xn--bcher-kva.example"}, Names: []string{"gerard", "gerard@example.org", "runner1.ci.example", "CA"}},
	} {
		if err := o.Check(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for want, o := range map[string]Order{
		`want --dir`:            {},
		`invalid --host "a:1"`:  {Dir: "x", Hosts: []string{"a:1"}},
		`invalid --host ""`:     {Dir: "x", Hosts: []string{""}},
		`invalid --host "a b"`:  {Dir: "x", Hosts: []string{"a b"}},
		`invalid --host "*"`:    {Dir: "x", Hosts: []string{"*"}},
		`invalid --host "1.2`:   {Dir: "x", Hosts: []string{"1.2.3.400"}},
		`invalid name "ca"`:     {Dir: "x", Names: []string{"ca"}},
		`invalid name "server"`: {Dir: "x", Names: []string{"server"}},
		`invalid name "../x"`:   {Dir: "x", Names: []string{"../x"}},
		`invalid name ".x"`:     {Dir: "x", Names: []string{".x"}},
		`invalid name "-x"`:     {Dir: "x", Names: []string{"-x"}},
		`invalid name "a/b"`:    {Dir: "x", Names: []string{"a/b"}},
		`invalid name "é"`:      {Dir: "x", Names: []string{"é"}},
		`invalid name "aaaaa`:   {Dir: "x", Names: []string{strings.Repeat("a", 65)}},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}

// TestWarnings asserts what the start says of certificates with which clients will not
// connect, or not for long.
func TestWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make2026(t, Order{Dir: dir, Hosts: []string{"procyon.lan"}}, 0)
	s, errs := Load(filepath.Join(dir, serverDir), true, privilege.Identity{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, test := range []struct {
		days int
		want string
	}{
		{0, `^$`},
		{825 - 31, `^$`},
		{825 - 29, `^the server's certificate, TLS_DIR's cert.pem, expires in 29 days, on 2029-02-28: postern certs renews its own; restart postern then$`},
		{826, `has expired on 2029-02-28`},
		{-1, `is not valid before 2026-11-26`},
		{3640, `the CA "CN=postern CA" in TLS_DIR's ca.pem expires in 13 days`},
	} {
		if got := strings.Join(s.Warnings(start.AddDate(0, 0, test.days)), "\n"); !regexp.MustCompile(test.want).MatchString(got) {
			t.Errorf("after %d days: %q, want %s", test.days, got, test.want)
		}
	}
	s.Leaf.DNSNames, s.Leaf.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	got := strings.Join(s.Warnings(start), "\n")
	for _, want := range []string{"names no host: clients do not look at the common name", "is not for servers"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q, want %s", got, want)
		}
	}
}
