package limits

import (
	"regexp"
	"slices"
	"strings"
)

// ownRows matches arguments for which ps lists processes, each with its id in the column
// PID. The engine runs the host's ps and keeps the rows whose cell in the first column of
// that name is the id of one of the container's processes: it splits rows at blanks, and
// another column can have the name PID. With "-eouid=PID,args f" it shows the processes of
// the users whose ids are the container's process ids, with "-eo args,pid f" it quotes
// words of command lines in an error.
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
