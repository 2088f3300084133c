package learn

import (
	"fmt"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/guard"
)

// maxItems limits how many items of one variable are recorded of a client: it chooses
// them.
const maxItems = 64

// need is what one variable of GUARD would have to permit.
type need struct {
	variable string
	items    []string
}

// noteViolations records what a guard refuses, or would refuse, of a client. It reports
// whether some of it is new.
func (c *clientRecord) noteViolations(all []guard.Violation) (isNew bool) {
	for _, v := range all {
		if v.Variable == "" {
			if text := v.String(); len(c.impossible) < maxItems && !slices.Contains(c.impossible, text) {
				c.impossible, isNew = append(c.impossible, text), true
			}
			continue
		}
		i := slices.IndexFunc(c.needs, func(n need) bool { return n.variable == v.Variable })
		if i < 0 {
			i = len(c.needs)
			c.needs = append(c.needs, need{variable: v.Variable})
		}
		for item := range strings.SplitSeq(strings.ReplaceAll(v.Value, `\,`, "\x00"), ",") {
			item = strings.ReplaceAll(item, "\x00", `\,`)
			if n := &c.needs[i]; len(n.items) < maxItems && !slices.Contains(n.items, item) {
				n.items, isNew = append(n.items, item), true
			}
		}
	}
	return isNew
}

// containing lists the settings of GUARD, SCOPE and REDACT that would contain what a
// proposal opens.
func (c *clientRecord) containing(p advise.Proposal) (lines []string) {
	rules := c.rules(p.Settings())
	for _, preset := range rules.Presets {
		if len(preset.Limits) > 0 {
			lines = append(lines, fmt.Sprintf("PRESET=%s works with %s", preset.Name, strings.Join(preset.Limits, " ")))
		}
	}
	policy, prefix := acl.Compile(rules), rules.Prefix
	allows := func(id string) bool {
		return slices.ContainsFunc(acl.Operations, func(op acl.Operation) bool {
			return op.ID == id && policy.Operation(op.Index()).Outcome == acl.Allowed
		})
	}
	if allows("ContainerCreate") && !c.client.Limits.Guards() {
		lines = append(lines, prefix+"GUARD=1 keeps the host from the containers that it makes: with LEARN=1 and GUARD=1 this report has the GUARD_ settings")
	}
	if allows("ContainerInspect") && len(lines) == 0 && c.client.Limits.Redaction().Kinds == 0 {
		lines = append(lines, prefix+"REDACT=env,args keeps environments and command lines out of responses")
	}
	return lines
}

// guardLines are the settings that what the client has asked for needs besides GUARD=1,
// and what no setting of GUARD permits. An item that the variable has already is in
// none of them.
func (c *clientRecord) guardLines() (lines, impossible []string) {
	for _, n := range c.needs {
		lines = append(lines, n.variable+"="+strings.Join(n.items, ","))
	}
	return lines, c.impossible
}

// writeGuard writes what the guards of the clients lack.
func (r *Recorder) writeGuard(b *strings.Builder) {
	head := "\n# Where GUARD=1: add these items to what the service has of the variables:\n"
	for _, c := range r.records {
		lines, impossible := c.guardLines()
		if len(lines)+len(impossible) == 0 {
			continue
		}
		fmt.Fprint(b, head)
		head = ""
		if len(r.records) > 1 {
			fmt.Fprintf(b, "#   %s\n", c.name())
		}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, "=")
			fmt.Fprintf(b, "#   %s: %q\n", name, value)
		}
		for _, text := range impossible {
			fmt.Fprintf(b, "#   nothing permits it: %s\n", text)
		}
	}
}
