package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"postern/acl"
	"postern/acl/advise"
	"postern/proxy/config"
)

// Question holds the arguments of explain. The zero value asks for the policy of
// the clients that are not declared.
type Question struct {
	// Client is the name of a declared client, "" for all others.
	Client string
	// JSON prints for programs.
	JSON bool
	// All shows Podman's own operations whatever the settings are.
	All bool
	// Method and Target are of one request, Operation is the id of one operation.
	// All three are "" for all operations.
	Method, Target, Operation string
}

// methods are the ones that cannot stand alone: a path belongs behind them.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// ParseQuestion reads the arguments of explain, flags and others in any order.
func ParseQuestion(args []string) (Question, error) {
	var q Question
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&q.JSON, "json", false, "")
	flags.BoolVar(&q.All, "all", false, "")
	flags.StringVar(&q.Client, "client", "", "")
	var words []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			text := strings.Replace(err.Error(), "flag provided but not defined:", "unknown flag", 1)
			return q, fmt.Errorf("%s; %s", text, explainUsage)
		}
		if args = flags.Args(); len(args) > 0 {
			words = append(words, strings.Fields(args[0])...) // explain "GET /info"
			args = args[1:]
		}
	}
	switch {
	case len(words) == 0:
	case len(words) == 2:
		q.Method, q.Target = words[0], words[1]
	case len(words) > 2 || slices.Contains(methods, strings.ToUpper(words[0])):
		return q, errors.New(explainUsage)
	case strings.Contains(words[0], "/"):
		q.Method, q.Target = "GET", words[0]
	default:
		q.Operation = words[0]
	}
	return q, nil
}

// Explain prints what the configuration permits. It reports whether the request or
// the operation is allowed, and true when the question has neither.
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
	var response Response
	switch {
	case q.Operation != "":
		response, err = OperationByID(policy, q.Operation)
	case q.Target != "":
		response, err = Request(policy, q.Method, q.Target)
	default:
		report := NewReport(policy, q.All || advise.MeansPodman(c.AllRules()...))
		report.Client, report.Clients, report.Settings = q.Client, c.ClientNames(), c.Warnings
		return true, q.print(w, report)
	}
	if err != nil {
		return false, err
	}
	response.Client = q.Client
	return response.Allowed, q.print(w, response)
}

func (q Question) print(w io.Writer, result interface{ Text(io.Writer) error }) error {
	if !q.JSON {
		return result.Text(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
