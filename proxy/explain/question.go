package explain

import (
	"errors"
	"flag"
	"io"

	"postern/acl"
	"postern/proxy/config"
)

// Question is what the command line asks. The zero value asks what everybody
// may do.
type Question struct {
	// Client is the name of a declared client, "" for everybody else.
	Client string
	// JSON has the answer printed for programs.
	JSON bool
	// Method and Target are of one request; both are "" for all operations.
	Method, Target string
}

// ParseQuestion reads the arguments of the command.
func ParseQuestion(args []string) (Question, error) {
	var q Question
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&q.JSON, "json", false, "")
	flags.StringVar(&q.Client, "client", "", "")
	if err := flags.Parse(args); err != nil || flags.NArg() != 0 && flags.NArg() != 2 {
		return q, errors.New("usage: postern explain [--client NAME] [--json] [METHOD PATH]")
	}
	q.Method, q.Target = flags.Arg(0), flags.Arg(1)
	return q, nil
}

// Answer prints the answer. It reports whether the request is allowed, which is
// true when the question is about none.
func (q Question) Answer(w io.Writer, c config.Config) (allowed bool, err error) {
	rules := c.Rules
	if q.Client != "" {
		client, err := c.Client(q.Client)
		if err != nil {
			return false, err
		}
		q.Client, rules = client.Name, client.Rules
	}
	policy := acl.Compile(rules)
	if q.Target == "" {
		report := New(policy)
		report.Client = q.Client
		for _, client := range c.Clients {
			report.Clients = append(report.Clients, client.Name)
		}
		return true, q.print(w, report)
	}
	answer, err := Request(policy, q.Method, q.Target)
	if err != nil {
		return false, err
	}
	answer.Client = q.Client
	return answer.Allowed, q.print(w, answer)
}

func (q Question) print(w io.Writer, result interface{ Text(io.Writer) error }) error {
	if q.JSON {
		return printJSON(w, result)
	}
	return result.Text(w)
}
