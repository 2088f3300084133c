package client

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func cert(t *testing.T, items string) (c Cert) {
	t.Helper()
	if err := c.UnmarshalText([]byte(items)); err != nil {
		t.Fatal(err)
	}
	return c
}

// withCN is a certificate with common names.
func withCN(names ...string) *x509.Certificate {
	c := &x509.Certificate{Raw: []byte(strings.Join(names, "\x00"))}
	for _, name := range names {
		c.Subject.Names = append(c.Subject.Names, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: name})
		c.Subject.CommonName = name // package x509 takes the last
	}
	return c
}

func withSAN(dns, mail string) *x509.Certificate {
	c := withCN("client")
	if dns != "" {
		c.DNSNames = []string{dns}
	}
	if mail != "" {
		c.EmailAddresses = []string{mail}
	}
	return c
}

func TestCertMatches(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(withCN("gerard").Raw)
	digits := hex.EncodeToString(sum[:])
	var colons []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, strings.ToUpper(digits[i:i+2]))
	}
	for _, test := range []struct {
		items string
		cert  *x509.Certificate
		want  bool
	}{
		{"gerard", withCN("gerard"), true},
		{"gerard", withCN("Gerard"), false},
		{"gerard", withCN("gerard "), false},
		{"gerard", withCN("gerard\x00.example"), false},
		{"gerard", withCN("gerard.example"), false},
		{"gerard", withCN(""), false},
		{"gerard", withCN("mallory", "gerard"), false}, // a CA may have checked the other one
		{"gerard", withCN("gerard", "mallory"), false},
		{"gerard", withCN("gerard", "gerard"), false},
		{"traefik,gerard", withCN("gerard"), true},
		{"gerard", withSAN("gerard", ""), true},
		{"gerard", withSAN("GERARD", ""), true}, // DNS names have no case
		{"gerard@example.org", withSAN("", "gerard@example.org"), true},
		{"gerard@example.org", withSAN("", "Gerard@example.org"), false},
		{"*.ci.example", withSAN("runner1.ci.example", ""), true},
		{"*.ci.example", withSAN("RUNNER1.CI.EXAMPLE", ""), true},
		{"*.ci.example", withCN("runner1.ci.example"), true},
		{"*.ci.example", withSAN("a.runner1.ci.example", ""), false},
		{"*.ci.example", withSAN("ci.example", ""), false},
		{"*.ci.example", withSAN(".ci.example", ""), false},
		{"*.ci.example", withSAN("*.ci.example", ""), false},
		{"*.ci.example", withSAN("", "x.ci.example"), false},
		{"*.ci.example", withCN("a b.ci.example"), false},
		{"sha256:" + digits, withCN("gerard"), true},
		{"SHA256:" + strings.Join(colons, ":"), withCN("gerard"), true},
		{"sha256:" + digits, withCN("traefik"), false},
		{"", withCN("gerard"), false},
		{"", withCN(""), false},
	} {
		if got := cert(t, test.items).matches(test.cert); got != test.want {
			t.Errorf("%q matches CN=%q, DNS %q, mail %q: %v, want %v", test.items, test.cert.Subject.CommonName, test.cert.DNSNames, test.cert.EmailAddresses, got, test.want)
		}
	}
}

func TestInvalidCerts(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]string{
		"*":                     "a * stands for the first label",
		"*.":                    "a * stands for the first label",
		"ci-*.example":          "a * stands for the first label",
		"runner.*.example":      "a * stands for the first label",
		"*.*.example":           "a * stands for the first label",
		"sha256:abcd":           "want sha256: and 64 hex digits",
		"sha256:":               "want sha256: and 64 hex digits",
		"/certs/gerard.pem":     "not a file or a subject",
		"CN=gerard":             "not a file or a subject",
		"gerard.pem":            "not a file or a subject",
		"gerard,CN=x,ci-*.test": `"CN=x" is not the name in a certificate; want one such as gerard, *.ci.example or sha256:<fingerprint>, not a file or a subject; "ci-*.test": a *`,
	} {
		var c Cert
		if err := c.UnmarshalText([]byte(item)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", item, err, want)
		}
	}
}

// TestCertBeforeAddress asserts the order of what identifies a client, and that a
// certificate of two clients identifies neither.
func TestCertBeforeAddress(t *testing.T) {
	t.Parallel()
	gerard, traefik, here := &Client{Name: "gerard", Cert: cert(t, "gerard")}, &Client{Name: "traefik", Cert: cert(t, "traefik,*.ci.example")}, &Client{Name: "here", From: from(t, "10.0.0.5")}
	everybody := &Client{}
	set := NewSet(everybody, []*Client{gerard, traefik, here}, From{}, zerolog.Nop())
	both := withCN("gerard")
	both.DNSNames = []string{"x.ci.example"}
	for _, test := range []struct {
		name, address string
		cert          *x509.Certificate
		owner, want   *Client
		why           string
	}{
		{"certificate", "10.0.0.6", withCN("gerard"), nil, gerard, ""},
		{"before the address", "10.0.0.5", withCN("gerard"), nil, gerard, ""},
		{"after the listener", "10.0.0.6", withCN("gerard"), here, here, ""},
		{"no certificate", "10.0.0.6", nil, nil, everybody, "10.0.0.6 is none of the declared clients"},
		{"nobody's", "10.0.0.6", withCN("anna"), nil, everybody, `the certificate "anna" belongs to none of the declared clients`},
		{"nobody's, by its address", "10.0.0.5", withCN("anna"), nil, here, ""},
		{"two clients'", "10.0.0.6", both, nil, everybody, `the certificate "gerard" belongs to the clients gerard and traefik, and so to none of them`},
	} {
		conn := NewConn(test.owner, &net.TCPAddr{IP: net.ParseIP(test.address)})
		conn.Cert = test.cert
		got, admitted := set.Identify(&conn)
		if why := set.Unmatched(&conn, got); got != test.want || !admitted || why != test.why {
			t.Errorf("%s: %q, %v, %q; want %q, true, %q", test.name, got.Name, admitted, why, test.want.Name, test.why)
		}
	}
}

func TestValidUntil(t *testing.T) {
	t.Parallel()
	at := func(year int) *x509.Certificate {
		return &x509.Certificate{NotAfter: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	for _, test := range []struct {
		chains [][]*x509.Certificate
		want   int
	}{
		{[][]*x509.Certificate{{at(2030), at(2040)}}, 2030},
		{[][]*x509.Certificate{{at(2030), at(2028)}}, 2028},
		{[][]*x509.Certificate{{at(2030), at(2028)}, {at(2030), at(2029)}}, 2029},
		{nil, 1},
	} {
		if got := ValidUntil(test.chains).Year(); got != test.want {
			t.Errorf("%d, want %d", got, test.want)
		}
	}
}
