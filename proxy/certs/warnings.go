package certs

import (
	"crypto/x509"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// ExpirySoon is the time before the end of a certificate from which on postern warns
// of it, and postern certs renews it.
const ExpirySoon = 30 * 24 * time.Hour

// DaysLeft returns how many whole days a certificate is still valid. It is negative
// for one that has expired.
func DaysLeft(cert *x509.Certificate, now time.Time) int {
	return int(math.Floor(cert.NotAfter.Sub(now).Hours() / 24))
}

// Names returns the host names and addresses that a server's certificate is for.
func Names(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// Warnings are about certificates with which clients will not connect, or not for
// long.
func (s *Server) Warnings(now time.Time) (all []string) {
	const server = "the server's certificate, TLS_DIR's " + certFile + ","
	if len(Names(s.Leaf)) == 0 {
		all = append(all, server+" names no host: clients do not look at the common name; want one with a subjectAltName, as postern certs --host makes it")
	}
	if uses := s.Leaf.ExtKeyUsage; len(uses) > 0 && !slices.Contains(uses, x509.ExtKeyUsageServerAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		all = append(all, server+" is not for servers: clients refuse it; want one with the extended key usage serverAuth")
	}
	if now.Before(s.Leaf.NotBefore) {
		all = append(all, fmt.Sprintf("%s is not valid before %s: see the clocks of both machines", server, day(s.Leaf.NotBefore)))
	}
	if text := expiry(s.Leaf, now); text != "" {
		all = append(all, server+" "+text)
	}
	for _, ca := range s.Authorities {
		if text := expiry(ca, now); text != "" {
			all = append(all, fmt.Sprintf("the CA %q in TLS_DIR's %s %s", ca.Subject, caFile, text))
		}
	}
	return all
}

// expiry says when a certificate expires, or "" if that is far off.
func expiry(cert *x509.Certificate, now time.Time) string {
	switch left := cert.NotAfter.Sub(now); {
	case left <= 0:
		return "has expired on " + day(cert.NotAfter) + ": " + renew
	case left <= ExpirySoon:
		return fmt.Sprintf("expires in %d days, on %s: %s", DaysLeft(cert, now), day(cert.NotAfter), renew)
	}
	return ""
}

const renew = "postern certs renews its own; restart postern then"

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// CommonNames are the subjects of the CAs, for the log.
func (s *Server) CommonNames() (all []string) {
	for _, ca := range s.Authorities {
		all = append(all, strings.TrimSpace(ca.Subject.String()))
	}
	return all
}
