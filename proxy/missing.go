package proxy

import (
	"slices"
	"sync"

	"postern/acl"
	"postern/acl/advise"
)

// missing keeps, for each policy, which operations it has refused, so that a user who
// reads one refusal can add all that a program lacked so far. The zero value is empty
// and ready to use, also concurrently. It holds at most one entry for each policy and
// each operation.
type missing struct {
	mu  sync.Mutex
	all map[*acl.Policy]*refusedOperations
}

type refusedOperations struct {
	subjects []acl.Subject
	allow    string
}

// add records a refusal by a policy and returns the ALLOW that would allow all of the
// policy's refused operations. It is "" unless the policy's settings name operations
// and there are several: a single one is in the remedy, and who sets toggles adds
// toggles. The caller must not pass a refusal that ALLOW cannot undo, as one by DENY.
func (m *missing) add(p *acl.Policy, d acl.Decision) (allow string) {
	rules := p.Rules()
	if !d.Nameable() || !advise.NamesOperations(rules) {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[p]
	if r == nil {
		if m.all == nil {
			m.all = map[*acl.Policy]*refusedOperations{}
		}
		r = &refusedOperations{}
		m.all[p] = r
	}
	if !slices.Contains(r.subjects, d.Subject) {
		r.subjects = append(r.subjects, d.Subject)
		if len(r.subjects) > 1 {
			r.allow = advise.AllowFor(rules, r.subjects)
		}
	}
	return r.allow
}
