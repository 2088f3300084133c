package command

import (
	"errors"
	"flag"
	"io"

	"postern/acl"
	"postern/proxy/config"
)

// Question holds the arguments of explain. The zero value asks for the policy of
// the clients that are not declared.
type Question struct {
	// Client is the name of a declared client, "" for all others.
	Client string
	// JSON prints for programs.
	JSON bool
	// Method and Target are of one request; both are "" for all operations.
	Method, Target string
}

// ParseQuestion reads the arguments of explain.
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

// Explain prints what the configuration permits. It reports whether the request
// is allowed, and true when the question has no request.
func (q Question) Explain(w io.Writer, c config.Config) (allowed bool, err error) {
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
		report := NewReport(policy)
		report.Client = q.Client
		for _, client := range c.Clients {
			report.Clients = append(report.Clients, client.Name)
		}
		return true, q.print(w, report)
	}
	response, err := Request(policy, q.Method, q.Target)
	if err != nil {
		return false, err
	}
	response.Client = q.Client
	return response.Allowed, q.print(w, response)
}

func (q Question) print(w io.Writer, result interface{ Text(io.Writer) error }) error {
	if q.JSON {
		return printJSON(w, result)
	}
	return result.Text(w)
}
