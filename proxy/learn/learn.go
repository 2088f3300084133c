// Package learn records the requests of clients and reports settings that would allow
// them. It is the setting LEARN.
package learn

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// Recorder is a [proxy.Observer] that records the requests of some clients. Make
// it with [New]. It holds at most one entry for each client and each operation,
// and two for each client and each section.
type Recorder struct {
	log  zerolog.Logger
	mode string

	mu      sync.Mutex
	records []*clientRecord
	podman  bool // a setting or a request is about Podman's own API
}

// clientRecord counts the requests of one client.
type clientRecord struct {
	client *client.Client
	uses   map[acl.Subject]*use
	// needs and impossible are what a guard refused, see limits.go.
	needs      []need
	impossible []string
}

// use counts the requests with one subject.
type use struct {
	acl.Subject
	// method and path are the first request's, cut to a bounded length.
	method, path string
	count        int
	forwarded    bool
}

// New returns a recorder for the clients. It logs each operation that is new to
// a client. mode is the value of LEARN: "1" while the policies forward all
// requests, else "deny".
func New(mode string, clients []*client.Client, log zerolog.Logger) *Recorder {
	const report = "the report on stderr, on SIGUSR1 and at exit"
	if mode == "1" {
		log.Warn().Msg("LEARN=1: nothing is refused but what DENY names: any client that can connect owns the engine; remove LEARN when " + report + ", has what is needed")
	} else {
		log.Info().Msg("LEARN=deny: requests are refused by the settings; " + report + ", lists them")
	}
	r := &Recorder{mode: mode, log: log}
	for _, c := range clients {
		r.records = append(r.records, &clientRecord{client: c, uses: map[acl.Subject]*use{}})
		r.podman = r.podman || advise.MeansPodman(c.Policy.Rules())
	}
	return r
}

// Begin records a request. It ignores a redirect, since the client sends the request
// again with the clean path. It ignores a request that the proxy refused whatever the
// policy is, since no setting of the policy would allow it.
func (r *Recorder) Begin(e *proxy.Event) {
	d := e.Decision
	i := slices.IndexFunc(r.records, func(c *clientRecord) bool { return c.client == e.Client })
	if i < 0 {
		return
	}
	c := r.records[i]
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.noteViolations(e.Violations) {
		lines, _ := c.guardLines()
		r.log.Info().Str("client", c.client.Name).Str("operation", d.OperationID()).Strs("guard", lines).Msg("learned")
	}
	if d.Outcome == acl.Redirected || d.Reason != "" {
		return
	}
	if !c.add(d) {
		return
	}
	r.podman = r.podman || advise.IsPodman(d.Section)
	line := r.log.Info()
	if c.client.Name != "" {
		line.Str("client", c.client.Name)
	}
	line.Str("operation", d.OperationID()).
		Str("method", logging.Printable(e.Method)).
		Str("path", logging.Printable(e.Path)).
		Str("decision", d.Outcome.String())
	if d.Outcome == acl.Refused {
		line.Str("remedy", c.remedy(d.Subject))
	}
	s := c.settings()
	line.Strs("set", s.shortest.Settings()).Strs("or", s.allow).Msg("learned")
}

// End does nothing: Begin records all.
func (r *Recorder) End(*proxy.Event) {}

// add counts a request and reports whether it is the first of its kind.
func (c *clientRecord) add(d acl.Decision) (first bool) {
	for _, s := range d.Subjects() {
		u := c.uses[s]
		if u == nil {
			// A part of a request's string would keep all of it in memory.
			u = &use{Subject: s, method: strings.Clone(cut(d.Method, 32)), path: strings.Clone(cut(d.Path, 200)), forwarded: d.Outcome == acl.Allowed}
			c.uses[s] = u
			first = true
		}
		u.count++
	}
	return first
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// list returns the uses that were forwarded, or those that were refused, in the
// order of acl.Operations, the paths without an operation last.
func (c *clientRecord) list(forwarded bool) []*use {
	var all []*use
	for _, u := range c.uses {
		if u.forwarded == forwarded {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b *use) int { return a.Compare(b.Subject) })
	return all
}

// settings suffice for what a client has asked for.
type settings struct {
	shortest advise.Proposal
	toggles  []string      // without ALLOW
	allow    []string      // with ALLOW, which allow nothing else
	unnamed  []acl.Subject // what ALLOW cannot name
}

// settings are for what was forwarded. A client with presets keeps them and gets what
// it lacks, so that its shortest settings are also for what was refused.
func (c *clientRecord) settings() (s settings) {
	rules := c.client.Policy.Rules()
	needs := subjects(c.list(true))
	s.toggles = advise.MinimalToggles(rules, needs)
	s.allow, s.unnamed = advise.MinimalAllow(rules, needs)
	if c.keeps() {
		needs = append(needs, subjects(c.refused())...)
	}
	s.shortest = advise.Shortest(rules, needs)
	return s
}

// keeps reports whether the client keeps its settings: it has presets.
func (c *clientRecord) keeps() bool { return len(c.client.Policy.Rules().Presets) > 0 }

// refused lists the uses that were refused and that a setting would allow.
func (c *clientRecord) refused() []*use {
	return slices.DeleteFunc(c.list(false), func(u *use) bool {
		return len(advise.RemedyFor(c.client.Policy, acl.Decision{Subject: u.Subject}).Sets) == 0
	})
}

func subjects(uses []*use) (all []acl.Subject) {
	for _, u := range uses {
		all = append(all, u.Subject)
	}
	return all
}

// remedy puts into words which settings would allow a refused subject.
func (c *clientRecord) remedy(s acl.Subject) string {
	remedy := advise.RemedyFor(c.client.Policy, acl.Decision{Subject: s})
	return cmp.Or(remedy.String(), "no setting allows it")
}
