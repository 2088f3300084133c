// Package certs reads the certificates of tls:// listeners from TLS_DIR, and makes
// such certificates: it is the command postern certs.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"postern/proxy/privilege"
)

// The files in TLS_DIR have Docker's names.
const (
	caFile   = "ca.pem"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// Server is what the tls:// listeners show to clients and want from them.
type Server struct {
	Config *tls.Config
	// Leaf is the server's certificate.
	Leaf *x509.Certificate
	// Authorities have signed the clients' certificates. It is empty if clients
	// need none.
	Authorities []*x509.Certificate
}

// Load reads the files in dir. If verify is set, clients must have a certificate
// that a CA in ca.pem has signed; else postern does not ask for one. as is the user
// that cannot read a file, for the error's remedy. The errors are all that is wrong.
func Load(dir string, verify bool, as privilege.Identity) (*Server, []error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, []error{fmt.Errorf("TLS_DIR=%q is not a directory: mount one with %s, %s and %s there; postern certs makes them", dir, caFile, certFile, keyFile)}
	}
	var problems []error
	for _, key := range []string{"ca-key.pem", "ca/key.pem"} {
		if _, err := os.Lstat(filepath.Join(dir, key)); err == nil {
			hint := ""
			if _, err := os.Stat(filepath.Join(dir, serverDir)); err == nil {
				hint = ", which its folder " + serverDir + " is"
			}
			problems = append(problems, fmt.Errorf("%s is a CA's key, with which postern's container could make clients' certificates: mount a directory with %s, %s and %s alone%s",
				filepath.Join(dir, key), caFile, certFile, keyFile, hint))
		}
	}
	read := func(name, purpose string) []byte {
		text, err := readFile(filepath.Join(dir, name), as)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s is missing: %s", filepath.Join(dir, name), purpose)
		}
		if err != nil {
			problems = append(problems, err)
		}
		return text
	}
	const makes = "; postern certs makes one"
	s := &Server{Config: &tls.Config{
		MinVersion: tls.VersionTLS12,
		// A resumed session would outlive its certificate's expiry.
		SessionTicketsDisabled: true,
	}}
	cert, key := read(certFile, "it is the server's certificate"+makes), read(keyFile, "it is the key of "+certFile+makes)
	if cert != nil && key != nil {
		if err := s.setPair(dir, cert, key); err != nil {
			problems = append(problems, err)
		}
	}
	if !verify {
		return s, problems
	}
	if ca := read(caFile, "it has the CA of the clients' certificates"+makes+"; TLS_VERIFY=0 admits clients without a certificate"); ca != nil {
		if err := s.setAuthorities(dir, ca); err != nil {
			problems = append(problems, err)
		}
	}
	return s, problems
}

func (s *Server) setPair(dir string, cert, key []byte) error {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("cannot use %s and %s: %s", filepath.Join(dir, certFile), keyFile, explainPair(cert, key, err))
	}
	s.Config.Certificates, s.Leaf = []tls.Certificate{pair}, pair.Leaf
	return nil
}

// explainPair says what is wrong with a certificate and its key.
func explainPair(cert, key []byte, err error) string {
	switch {
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return "the key has a passphrase, and nobody can type it: openssl pkey -in key.pem -out plain.pem takes it off"
	case !bytes.Contains(cert, []byte("BEGIN CERTIFICATE")):
		return certFile + " has no certificate in PEM"
	case !bytes.Contains(key, []byte("PRIVATE KEY")):
		return keyFile + " has no private key in PEM"
	case strings.Contains(err.Error(), "does not match"):
		return "the key is not the certificate's"
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

func (s *Server) setAuthorities(dir string, text []byte) error {
	path := filepath.Join(dir, caFile)
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("cannot use %s: %w", path, err)
		}
		if ca.Version == 3 && !ca.IsCA {
			// Go would admit exactly this certificate, and no other that it signed.
			return fmt.Errorf("cannot use %s: the certificate of %q is not a CA's", path, ca.Subject)
		}
		s.Authorities = append(s.Authorities, ca)
	}
	if len(s.Authorities) == 0 {
		return fmt.Errorf("cannot use %s: it has no certificate in PEM", path)
	}
	s.Config.ClientAuth, s.Config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	for _, ca := range s.Authorities {
		s.Config.ClientCAs.AddCert(ca)
	}
	return nil
}

// readFile reads a file, if need be with the permissions of the file's owner.
func readFile(path string, as privilege.Identity) ([]byte, error) {
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrPermission) {
		return text, withoutPath(path, err)
	}
	info, statErr := os.Stat(path)
	if statErr != nil {
		return nil, fmt.Errorf("cannot read %s: user %d may not enter its directory: chmod o+x %s on the host", path, as.UID, filepath.Dir(path))
	}
	owner := info.Sys().(*syscall.Stat_t)
	if os.Geteuid() == 0 {
		privilege.AsUser(int(owner.Uid), func() { text, err = os.ReadFile(path) })
	}
	if err == nil {
		return text, nil
	}
	remedy := "chmod 0644"
	if filepath.Base(path) == keyFile {
		remedy = fmt.Sprintf("chown %d", as.UID)
		if int(owner.Uid) == as.UID {
			remedy = "chmod 0600"
		}
	}
	return nil, fmt.Errorf("cannot read %s: it belongs to %d:%d with mode %04o, and postern runs as %d:%d: %s %s on the host, or start postern as root, which it leaves when it has read the file",
		path, owner.Uid, owner.Gid, info.Mode().Perm(), as.UID, as.GID, remedy, filepath.Base(path))
}

func withoutPath(path string, err error) error {
	var bad *fs.PathError
	if errors.As(err, &bad) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read %s: %w", path, bad.Err)
	}
	return err
}
