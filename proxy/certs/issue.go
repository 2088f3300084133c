package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long new certificates are valid. Apple's programs refuse a server's of more than
// 825 days.
const (
	caYears  = 10
	leafDays = 825
)

// backdating lets a machine whose clock is behind use a new certificate.
const backdating = time.Hour

// Folders in the directory of postern certs. No client may have these names.
const (
	caDir     = "ca"
	serverDir = "server"
)

// authority is a CA with its key.
type authority struct {
	cert *x509.Certificate
	pem  []byte
	key  crypto.Signer
}

// openAuthority reads the CA in a directory, and makes one if there is none. It
// reports whether it has.
func openAuthority(dir string, now time.Time) (ca *authority, made bool, err error) {
	pair, err := readPair(dir)
	if errors.Is(err, fs.ErrNotExist) {
		ca, err = newAuthority(dir, now)
		return ca, true, err
	}
	if err != nil {
		return nil, false, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, false, fmt.Errorf("%s is not a CA's certificate", filepath.Join(dir, certFile))
	}
	if pair.Leaf.NotAfter.Sub(now) < ExpirySoon {
		return nil, false, fmt.Errorf("the CA in %s expires on %s: make another one in another directory, and give everybody a new certificate", dir, day(pair.Leaf.NotAfter))
	}
	return &authority{pair.Leaf, certPEM(pair.Leaf.Raw), key}, false, nil
}

func newAuthority(dir string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "postern CA"}, NotBefore: now.Add(-backdating), NotAfter: now.AddDate(caYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca := &authority{cert, certPEM(der), key}
	return ca, writePair(dir, 0o700, nil, ca.pem, key)
}

// issue makes a certificate for a new key, and writes both into a directory with the
// CA's certificate.
func (ca *authority) issue(dir string, template *x509.Certificate, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.NotBefore, template.NotAfter = now.Add(-backdating), now.AddDate(0, 0, leafDays)
	if template.NotAfter.After(ca.cert.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	return writePair(dir, 0o755, ca.pem, certPEM(der), key)
}

// issueServer makes the server's certificate for host names and addresses.
func (ca *authority) issueServer(dir string, hosts []string, now time.Time) error {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: hosts[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return ca.issue(dir, template, now)
}

// issueClient makes a client's certificate.
func (ca *authority) issueClient(dir, name string, now time.Time) error {
	return ca.issue(dir, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, now)
}

// signed reports whether the CA has signed a certificate.
func (ca *authority) signed(cert *x509.Certificate) bool {
	return cert.CheckSignatureFrom(ca.cert) == nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// readPair reads a certificate and its key. Its error is fs.ErrNotExist if there is
// neither.
func readPair(dir string) (pair tls.Certificate, err error) {
	cert, certErr := os.ReadFile(filepath.Join(dir, certFile))
	key, keyErr := os.ReadFile(filepath.Join(dir, keyFile))
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return pair, fs.ErrNotExist
	}
	if err := errors.Join(certErr, keyErr); err != nil {
		// Not wrapped: half a pair is not the same as none.
		return pair, fmt.Errorf("%s has a certificate without a key, or a key without a certificate: %v", dir, err)
	}
	pair, err = tls.X509KeyPair(cert, key)
	if err != nil {
		err = fmt.Errorf("cannot use %s and %s: %s; remove both to have others made", filepath.Join(dir, certFile), keyFile, explainPair(cert, key, err))
	}
	return pair, err
}

// writePair writes a certificate and its key, and the CA's certificate unless ca is
// nil, into a directory that it makes. A file is there whole or not at all.
func writePair(dir string, mode fs.FileMode, ca, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
		mode fs.FileMode
	}{
		{keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600},
		{caFile, ca, 0o644},
		{certFile, cert, 0o644},
	} {
		if f.text == nil {
			continue
		}
		if err := writeFile(filepath.Join(dir, f.name), f.text, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file. The new one has its mode before it has content.
func writeFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// sameFile reports whether a file has this content.
func sameFile(path string, want []byte) bool {
	got, err := os.ReadFile(path)
	return err == nil && bytes.Equal(got, want)
}
