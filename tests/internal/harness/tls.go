package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA signs certificates. Make it with [NewCA].
type CA struct {
	Cert *x509.Certificate

	t   *testing.T
	key *ecdsa.PrivateKey
}

// NewCA makes a certificate authority.
func NewCA(t *testing.T, name string) *CA {
	t.Helper()
	ca := &CA{t: t}
	pair := ca.Issue(name, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.ExtKeyUsage = nil
	})
	ca.Cert, ca.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return ca
}

// CAOf is a certificate that signs others although it is none of a CA. The zero
// certificate makes the first one sign itself.
func CAOf(t *testing.T, pair tls.Certificate) *CA {
	key, _ := pair.PrivateKey.(*ecdsa.PrivateKey)
	return &CA{pair.Leaf, t, key}
}

// Issue makes a certificate for a client with this common name, which change may
// turn into another one. It signs itself if the CA has no certificate yet.
func (ca *CA) Issue(name string, change func(*x509.Certificate)) tls.Certificate {
	ca.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		ca.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	parent, signer := ca.Cert, ca.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		ca.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Server makes a certificate for 127.0.0.1 and the hosts.
func (ca *CA) Server(hosts ...string) tls.Certificate {
	return ca.Issue("server", func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = hosts, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

// Files writes a certificate with its key and the CA under Docker's names, and
// returns the directory. Every user may read it.
func (ca *CA) Files(pair tls.Certificate) (dir string) {
	ca.t.Helper()
	dir = SocketDir(ca.t)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		ca.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: ca.Cert.Raw},
		"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o644); err != nil {
			ca.t.Fatal(err)
		}
	}
	return dir
}

// Settings makes postern listen on TLS alone, with a certificate of this CA.
func (ca *CA) Settings() map[string]string {
	ca.t.Helper()
	return map[string]string{"LISTEN": "tls://127.0.0.1:0", "TLS_DIR": ca.Files(ca.Server())}
}

// Config is a client's, with its certificates.
func (ca *CA) Config(certs ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	// A client whose certificate the server's list of CAs does not allow sends none.
	config := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	if len(certs) > 0 {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certs[0], nil }
	}
	return config
}

// DialTLS connects to the first TLS listener until the test is over. The handshake
// must succeed; with TLS 1.3 the server may still refuse the certificate.
func (p *Postern) DialTLS(config *tls.Config) *tls.Conn {
	p.t.Helper()
	conn := tls.Client(Dial(p.t, "tcp", p.TLSAddr), config)
	if err := conn.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	return conn
}
