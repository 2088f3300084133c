package proxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"postern/proxy/certs"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// TurnedAway counts the TLS handshakes that failed, by reason. The reasons are
// those of [TurnedAwayReasons].
type TurnedAway map[string]int64

var errTooMany = errors.New("too many handshakes at one time")

// reason is one for which a handshake can fail.
type reason struct {
	name    string
	applies func(error) bool
}

// reasons tell why a handshake failed, the first that applies. They are labels of
// a metric, so there is a fixed number of them.
var reasons = []reason{
	{"no certificate", contains("client didn't provide a certificate")},
	{"certificate expired", invalid(x509.Expired, func(c *x509.Certificate) bool { return time.Now().After(c.NotAfter) })},
	{"certificate not valid yet", invalid(x509.Expired, nil)},
	{"certificate not for clients", invalid(x509.IncompatibleUsage, nil)},
	{"certificate of an unknown CA", func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) }},
	{"certificate invalid", func(err error) bool { return errors.As(err, new(*tls.CertificateVerificationError)) }},
	{"TLS version", contains("client offered only unsupported versions")},
	{"cipher suites", contains("no cipher suite supported by both")},
	{"not TLS", func(err error) bool { return errors.As(err, new(tls.RecordHeaderError)) }},
	{"refused by the client", func(err error) bool {
		var op *net.OpError
		return errors.As(err, &op) && op.Op == "remote error"
	}},
	{"too slow", func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
	{"too many at one time", func(err error) bool { return errors.Is(err, errTooMany) }},
	{"broken off", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) || isReadError(err) }},
	{"other", func(error) bool { return true }},
}

// TurnedAwayReasons lists why a handshake can fail.
func TurnedAwayReasons() (all []string) {
	for _, r := range reasons {
		all = append(all, r.name)
	}
	return all
}

// contains matches the errors of crypto/tls that have no type of their own.
func contains(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

func invalid(reason x509.InvalidReason, matches func(*x509.Certificate) bool) func(error) bool {
	return func(err error) bool {
		var bad x509.CertificateInvalidError
		return errors.As(err, &bad) && bad.Reason == reason && (matches == nil || matches(bad.Cert))
	}
}

func isReadError(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "read" || op.Op == "write")
}

// beganWithHTTP returns the connection of a client that sent HTTP instead of a
// handshake.
func beganWithHTTP(err error) (net.Conn, bool) {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) || header.Conn == nil {
		return nil, false
	}
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "DELET", "OPTIO", "PRI *"} {
		if bytes.Equal(header.RecordHeader[:], []byte(method)) {
			return header.Conn, true
		}
	}
	return nil, false
}

// logInterval is the shortest time between two lines about one reason.
const logInterval = time.Second

// handshakes logs and counts the TLS handshakes of all listeners.
type handshakes struct {
	log zerolog.Logger

	mu     sync.Mutex
	counts []int64     // by the index of reasons
	logged []time.Time // the same
	unsaid []int64     // handshakes since the last line
	warned map[[sha256.Size]byte]time.Time
}

func newHandshakes(log zerolog.Logger) *handshakes {
	n := len(reasons)
	return &handshakes{
		log: log, counts: make([]int64, n), logged: make([]time.Time, n), unsaid: make([]int64, n),
		warned: map[[sha256.Size]byte]time.Time{},
	}
}

// failed counts a client that was turned away, and logs the first one of a second
// for each reason.
func (h *handshakes) failed(c net.Conn, err error) {
	i := slices.IndexFunc(reasons, func(r reason) bool { return r.applies(err) })
	now := time.Now()
	h.mu.Lock()
	h.counts[i]++
	unsaid := h.unsaid[i]
	quiet := now.Sub(h.logged[i]) < logInterval
	if quiet {
		h.unsaid[i]++
	} else {
		h.unsaid[i], h.logged[i] = 0, now
	}
	h.mu.Unlock()
	if quiet {
		return
	}
	line := h.log.Warn().Str("address", c.RemoteAddr().String()).Str("reason", reasons[i].name)
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		cert := unverified.UnverifiedCertificates[0]
		line.Str("subject", printable(cert.Subject.String())).Str("issuer", printable(cert.Issuer.String())).
			Time("expires", cert.NotAfter.UTC())
	}
	if unsaid > 0 {
		line.Int64("not_logged", unsaid)
	}
	line.Str("error", printable(err.Error())).Msg("turned away")
}

// printable cuts a text that a client chooses.
func printable(s string) string { return logging.ASCII(s[:min(len(s), 256)]) }

// maxWarned limits the certificates that succeeded remembers.
const maxWarned = 1000

// succeeded warns once a day of a client's certificate that is about to expire.
func (h *handshakes) succeeded(c *tls.Conn) {
	state := c.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return
	}
	cert, now := state.PeerCertificates[0], time.Now()
	until := client.ValidUntil(state.VerifiedChains)
	if until.Sub(now) > certs.ExpirySoon {
		return
	}
	sum := sha256.Sum256(cert.Raw)
	h.mu.Lock()
	last, known := h.warned[sum]
	due := now.Sub(last) > 24*time.Hour && (known || len(h.warned) < maxWarned)
	if due {
		h.warned[sum] = now
	}
	h.mu.Unlock()
	if due {
		h.log.Warn().Str("certificate", printable(client.CertName(cert))).Time("expires", until.UTC()).
			Str("address", c.RemoteAddr().String()).Msg("a client's certificate expires soon: postern certs renews it")
	}
}

// TurnedAway returns how many handshakes have failed so far.
func (p *Proxy) TurnedAway() TurnedAway {
	h := p.handshakes
	h.mu.Lock()
	defer h.mu.Unlock()
	all := TurnedAway{}
	for i, r := range reasons {
		all[r.name] = h.counts[i]
	}
	return all
}
