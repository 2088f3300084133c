package limits

import (
	"regexp"
	"slices"
	"strings"
)

// ownRows matches the arguments of ps for which the column PID holds process ids. The
// engine runs the host's ps, splits each row at blanks, and keeps a row if its cell in the
// first column called PID is the id of a process of the container. A client can give
// another column that name: "-eouid=PID,args f" shows the processes of users whose ids are
// process ids of the container. It can also move the column: with "-eo args,pid f" the
// engine's error quotes words of command lines.
var ownRows = regexp.MustCompile(`^-?[AaFHTcdefjlmruvwx]*( ?-?o ?pid(,[a-z_%]+)*)?$`)

// top keeps the host's other processes out of a container's. Podman reads the parameter's
// name in any case.
func (c *check) top() *Refusal {
	for key, values := range c.query {
		further := slices.ContainsFunc(values, func(args string) bool { return !ownRows.MatchString(args) })
		if !c.Observes && strings.EqualFold(key, "ps_args") && further {
			return c.refuse("ps_args can show processes outside the container: want letters such as -ef or aux, or -o with pid as the first column")
		}
	}
	return nil
}
