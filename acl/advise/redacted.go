package advise

import "postern/acl/redact"

// less lists what is left of a danger, by its words, when something is redacted: of
// several rows that apply the last one counts. "" means that nothing is left.
var less = []struct {
	why   string
	hides redact.Kinds
	left  string
}{
	{"read every container's environment", redact.Env, "read every container's command line and labels"},
	{"read every container's environment", redact.Env | redact.Args, "read every container's labels"},
	{"read the environment of every process in containers, and of others on the host", redact.Env, "read the command line of every process in containers"},
	{"read the environment of every process in containers, and of others on the host", redact.Args, ""},
	{"read every container's command line and labels", redact.Args, "read every container's labels"},
	{"read the command lines of execs", redact.Args, ""},
	{"read the command line of every exec and health check, and containers' labels", redact.Args, "read containers' labels"},
	{"read the environment and build arguments in images", redact.Env, ""},
	{"read every Swarm service's environment", redact.Env, "read every Swarm service's command line and labels"},
	{"read every Swarm service's environment", redact.Env | redact.Args, "read every Swarm service's labels"},
	{"read every Swarm task's environment", redact.Env, "read every Swarm task's command line and labels"},
	{"read every Swarm task's environment", redact.Env | redact.Args, "read every Swarm task's labels"},
	{"read the environment of engine plugins", redact.Env, ""},
}

// redacted returns what is left of a danger. Its Why is "" if that is nothing.
func (d Danger) redacted(kinds redact.Kinds) Danger {
	why := d.Why
	for _, row := range less {
		if row.why == why && kinds&row.hides == row.hides {
			d.Why = row.left
		}
	}
	return d
}
