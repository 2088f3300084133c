package client

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cert is a list of names and fingerprints of certificates, the value of
// CLIENT_<NAME>_CERT. The zero Cert is empty and matches no certificate.
type Cert struct {
	// Names has common names, DNS names and mail addresses. A name that begins
	// with "*." stands for every DNS name with one label in the star's place.
	Names []string
	// Fingerprints has the SHA-256 sums of whole certificates.
	Fingerprints [][sha256.Size]byte
}

// Empty reports whether the list has no items.
func (c Cert) Empty() bool { return len(c.Names) == 0 && len(c.Fingerprints) == 0 }

const fingerprintPrefix = "sha256:"

// Items returns the items as UnmarshalText reads them, names first.
func (c Cert) Items() []string {
	all := slices.Clone(c.Names)
	for _, sum := range c.Fingerprints {
		all = append(all, fingerprintPrefix+hex.EncodeToString(sum[:]))
	}
	return all
}

// UnmarshalText reads a comma-separated list. Its error lists every item that is
// invalid.
func (c *Cert) UnmarshalText(text []byte) error {
	*c = Cert{}
	var wrong []string
	for item := range strings.SplitSeq(string(text), ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		if err := c.add(item); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

func (c *Cert) add(item string) error {
	if digits, ok := cutPrefixFold(item, fingerprintPrefix); ok {
		sum, err := hex.DecodeString(strings.ReplaceAll(digits, ":", "")) // openssl writes AA:BB:...
		if err != nil || len(sum) != sha256.Size {
			return fmt.Errorf("%q is not a fingerprint; want sha256: and 64 hex digits, as openssl x509 -noout -fingerprint -sha256 prints them", item)
		}
		if sum := [sha256.Size]byte(sum); !slices.Contains(c.Fingerprints, sum) {
			c.Fingerprints = append(c.Fingerprints, sum)
		}
		return nil
	}
	// What openssl prints begins with "sha256 Fingerprint=".
	if _, digits, ok := strings.Cut(item, "Fingerprint="); ok {
		return fmt.Errorf("%q: want %s", item, fingerprintPrefix+digits)
	}
	name, isPattern := strings.CutPrefix(item, "*.")
	switch {
	case strings.Contains(name, "*") || isPattern && !isHostName(name):
		return fmt.Errorf("%q: a * stands for the first label of a DNS name and nothing else, as in *.ci.example", item)
	case strings.Contains(item, "/") || strings.Contains(item, "=") || strings.HasSuffix(item, ".pem"):
		return fmt.Errorf("%q is not the name in a certificate; want one such as gerard, *.ci.example or sha256:<fingerprint>, not a file or a subject", item)
	}
	if !slices.Contains(c.Names, item) {
		c.Names = append(c.Names, item)
	}
	return nil
}

func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// matches reports whether an item of the list stands for the certificate.
func (c Cert) matches(cert *x509.Certificate) bool {
	if slices.Contains(c.Fingerprints, sha256.Sum256(cert.Raw)) {
		return true
	}
	return slices.ContainsFunc(c.Names, func(item string) bool {
		if domain, isPattern := strings.CutPrefix(item, "*."); isPattern {
			matches := func(name string) bool { return underDomain(name, domain) }
			return matches(commonName(cert)) || slices.ContainsFunc(cert.DNSNames, matches)
		}
		// DNS names have no case, unlike the two other kinds.
		return item == commonName(cert) || slices.Contains(cert.EmailAddresses, item) ||
			slices.ContainsFunc(cert.DNSNames, func(name string) bool { return strings.EqualFold(name, item) })
	})
}

// underDomain reports whether name is domain with one label before it. The label
// must not be a star: a certificate for *.ci.example is none of one machine.
func underDomain(name, domain string) bool {
	label, rest, ok := strings.Cut(name, ".")
	return ok && isHostName(label) && strings.EqualFold(rest, domain)
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonName returns the common name of a certificate's subject. It returns "" if
// the subject has several: programs differ in which of them they take, so the CA
// may have checked another one.
func commonName(cert *x509.Certificate) string {
	count := 0
	for _, attribute := range cert.Subject.Names {
		if attribute.Type.Equal(oidCommonName) {
			count++
		}
	}
	if count > 1 {
		return ""
	}
	return cert.Subject.CommonName
}

// CertName returns the name that tells a certificate from others in a log: the
// common name, a DNS name, a mail address or the fingerprint. It has at most 256
// bytes, in any encoding.
func CertName(cert *x509.Certificate) string {
	for _, names := range [][]string{{commonName(cert)}, cert.DNSNames, cert.EmailAddresses} {
		if len(names) > 0 && names[0] != "" {
			return names[0][:min(len(names[0]), 256)]
		}
	}
	sum := sha256.Sum256(cert.Raw)
	return fingerprintPrefix + hex.EncodeToString(sum[:])
}

// ValidUntil returns when the last of the verified chains of a client's
// certificate expires. A chain expires with the first of its certificates.
func ValidUntil(chains [][]*x509.Certificate) (last time.Time) {
	for _, chain := range chains {
		var first time.Time
		for _, cert := range chain {
			if first.IsZero() || cert.NotAfter.Before(first) {
				first = cert.NotAfter
			}
		}
		if first.After(last) {
			last = first
		}
	}
	return last
}

// certified returns the declared clients that a certificate stands for.
func (s *Set) certified(cert *x509.Certificate) (all []*Client) {
	if cert == nil {
		return nil
	}
	for _, c := range s.byCert {
		if c.Cert.matches(cert) {
			all = append(all, c)
		}
	}
	return all
}
