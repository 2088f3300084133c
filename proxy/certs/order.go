package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Order is what postern certs is to make.
type Order struct {
	// Dir holds all: the folder ca with the CA's key, which must not be mounted
	// anywhere, the folder server, which is TLS_DIR, and one folder for each name.
	Dir string
	// Hosts are the names and addresses by which clients reach the server. They may
	// be empty if there is a certificate for it.
	Hosts []string
	// Names are the common names of clients.
	Names []string
}

// Check returns what is wrong with the order.
func (o Order) Check() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("want --dir with the directory for the certificates"))
	}
	for _, host := range o.Hosts {
		if err := checkHost(host); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range o.Names {
		if err := checkName(name); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const (
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	maxName    = 64 // bytes of a common name, RFC 5280, ub-common-name
	hostWanted = "want a host name or an address such as procyon.lan or 10.0.0.7, without scheme and port"
)

func checkHost(host string) error {
	if net.ParseIP(host) != nil {
		return nil
	}
	labels := strings.TrimPrefix(host, "*.")
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters) != "" {
			return fmt.Errorf("invalid --host %q: %s", host, hostWanted)
		}
	}
	if last := labels[strings.LastIndexByte(labels, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("invalid --host %q: %s", host, hostWanted)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == caDir || name == serverDir:
		return fmt.Errorf("invalid name %q: the folder of this name is for the %s's own certificate", name, strings.Replace(name, "ca", "CA", 1))
	case name == "" || strings.Trim(name, letters+".@") != "" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || len(name) > maxName:
		return fmt.Errorf("invalid name %q: want letters, digits and . - _ @, as in gerard or runner1.ci.example", name)
	}
	return nil
}

// Make makes what is missing, renews what expires within [ExpirySoon], and writes to w
// what it has done and what to do next.
func (o Order) Make(w io.Writer, now time.Time) error {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	ca, made, err := openAuthority(filepath.Join(o.Dir, caDir), now)
	if err != nil {
		return err
	}
	if made {
		fmt.Fprintf(w, "%s: a new CA, until %s; keep it off the machines that use its certificates\n", filepath.Join(o.Dir, caDir), day(ca.cert.NotAfter))
	}
	hosts, err := o.makeServer(w, ca, now)
	if err != nil {
		return err
	}
	for _, name := range o.Names {
		if err := o.makeClient(w, ca, name, now); err != nil {
			return err
		}
	}
	if err := o.renewOthers(w, ca, now); err != nil {
		return err
	}
	if len(o.Names) > 0 {
		o.explain(w, hosts[0])
	}
	return nil
}

// makeServer makes the server's certificate if there is none, or another one than
// ordered. It returns the hosts of the one that there is then.
func (o Order) makeServer(w io.Writer, ca *authority, now time.Time) (hosts []string, err error) {
	dir := filepath.Join(o.Dir, serverDir)
	hosts = slices.Clone(o.Hosts)
	switch pair, err := readPair(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if len(hosts) == 0 {
			return nil, errors.New("want --host with the name or address by which clients reach the server, as in --host procyon.lan --host 10.0.0.7")
		}
		return hosts, o.write(w, "new", dir, func() error { return ca.issueServer(dir, hosts, now) })
	case err != nil:
		return nil, err
	case len(hosts) == 0:
		if hosts = Names(pair.Leaf); len(hosts) == 0 {
			return nil, fmt.Errorf("%s names no host: want --host", filepath.Join(dir, certFile))
		}
		fallthrough
	default:
		if ca.keeps(dir, pair.Leaf, now) && sameHosts(hosts, Names(pair.Leaf)) {
			fmt.Fprintf(w, "%s: kept, until %s\n", dir, day(pair.Leaf.NotAfter))
			return hosts, nil
		}
		return hosts, o.write(w, "renewed; restart postern", dir, func() error { return ca.issueServer(dir, hosts, now) })
	}
}

// keeps reports whether a certificate in dir need not be renewed.
func (ca *authority) keeps(dir string, cert *x509.Certificate, now time.Time) bool {
	return ca.signed(cert) && cert.NotAfter.Sub(now) >= ExpirySoon && sameFile(filepath.Join(dir, caFile), ca.pem)
}

func sameHosts(a, b []string) bool {
	sorted := func(hosts []string) []string {
		hosts = slices.Clone(hosts)
		for i, host := range hosts {
			if ip := net.ParseIP(host); ip != nil {
				hosts[i] = ip.String()
			}
		}
		slices.Sort(hosts)
		return slices.Compact(hosts)
	}
	return slices.Equal(sorted(a), sorted(b))
}

func (o Order) makeClient(w io.Writer, ca *authority, name string, now time.Time) error {
	dir := filepath.Join(o.Dir, name)
	issue := func() error { return ca.issueClient(dir, name, now) }
	switch pair, err := readPair(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return o.write(w, "new", dir, issue)
	case err != nil:
		return err
	case pair.Leaf.Subject.CommonName != name:
		return fmt.Errorf("%s is of %q, not of %q", filepath.Join(dir, certFile), pair.Leaf.Subject.CommonName, name)
	case ca.keeps(dir, pair.Leaf, now):
		fmt.Fprintf(w, "%s: kept, until %s\n", dir, day(pair.Leaf.NotAfter))
		return nil
	}
	return o.write(w, "renewed", dir, issue)
}

// renewOthers renews the certificates of clients that the order does not name. It
// leaves folders alone in which there is something else.
func (o Order) renewOthers(w io.Writer, ca *authority, now time.Time) error {
	entries, err := os.ReadDir(o.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		pair, err := readPair(filepath.Join(o.Dir, name))
		if err != nil || checkName(name) != nil || slices.Contains(o.Names, name) || pair.Leaf.Subject.CommonName != name || !ca.signed(pair.Leaf) {
			continue
		}
		if pair.Leaf.NotAfter.Sub(now) < ExpirySoon {
			if err := o.makeClient(w, ca, name, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// write issues a certificate and says so.
func (o Order) write(w io.Writer, what, dir string, issue func() error) error {
	if err := issue(); err != nil {
		return err
	}
	pair, err := readPair(dir)
	if err != nil {
		return err
	}
	text := ""
	if names := Names(pair.Leaf); len(names) > 0 {
		text = " for " + strings.Join(names, ", ")
	}
	_, err = fmt.Fprintf(w, "%s: %s%s, until %s\n", dir, what, text, day(pair.Leaf.NotAfter))
	return err
}

// explain says what to do with the folders.
func (o Order) explain(w io.Writer, host string) {
	fmt.Fprintf(w, "\npostern needs %s mounted as /certs, and LISTEN=tls://:2376.\n", filepath.Join(o.Dir, serverDir))
	short, _, _ := strings.Cut(host, ".")
	address := host
	if ip := net.ParseIP(host); ip != nil {
		short = "postern"
		if ip.To4() == nil {
			address = "[" + host + "]"
		}
	}
	for _, name := range o.Names {
		fmt.Fprintf(w, "\n%s gets the folder %s and runs in it:\n  docker context create %s --docker host=tcp://%s:2376,ca=ca.pem,cert=cert.pem,key=key.pem\n",
			name, filepath.Join(o.Dir, name), short, address)
	}
}
