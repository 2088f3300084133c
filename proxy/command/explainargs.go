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

// ExplainArgs are the arguments of explain. The zero value explains all operations
// for the clients that are not declared.
type ExplainArgs struct {
	// Client is the name of a declared client, "" for all others.
	Client string
	// JSON prints for programs.
	JSON bool
	// All lists the refused operations too, and Podman's own whatever the settings
	// are.
	All bool
	// Body is a file with the body of the request, or "".
	Body string
	// Method and Target are of one request, Operation is the id of one operation.
	// All three are "" for all operations.
	Method, Target, Operation string
}

// methods are the words that cannot be an operation: a path has to follow.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// ParseExplainArgs reads the arguments of explain, flags and others in any order.
func ParseExplainArgs(args []string) (ExplainArgs, error) {
	var a ExplainArgs
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&a.JSON, "json", false, "")
	flags.BoolVar(&a.All, "all", false, "")
	flags.StringVar(&a.Client, "client", "", "")
	flags.StringVar(&a.Body, "body", "", "")
	var words []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			text := strings.Replace(err.Error(), "flag provided but not defined:", "unknown flag", 1)
			return a, fmt.Errorf("%s; %s", text, explainUsage)
		}
		if args = flags.Args(); len(args) > 0 {
			words = append(words, strings.Fields(args[0])...) // explain "GET /info"
			args = args[1:]
		}
	}
	switch {
	case len(words) == 0:
	case len(words) == 2:
		a.Method, a.Target = words[0], words[1]
	case len(words) > 2 || slices.Contains(methods, strings.ToUpper(words[0])):
		return a, errors.New(explainUsage)
	case strings.Contains(words[0], "/"):
		a.Method, a.Target = "GET", words[0]
	default:
		a.Operation = words[0]
	}
	if a.Body != "" && a.Target == "" {
		return a, errors.New("--body is about a request: postern explain POST /containers/create --body FILE")
	}
	return a, nil
}

// Write writes what the configuration permits. It reports whether the request or the
// operation is allowed, and true if the arguments have neither.
func (a ExplainArgs) Write(w io.Writer, c config.Config) (allowed bool, err error) {
	rules := c.Rules
	if a.Client != "" {
		client, err := c.Client(a.Client)
		if err != nil {
			return false, err
		}
		a.Client, rules = client.Name, client.Rules
	}
	permissions := permissionsOf(c, a.Client, acl.Compile(rules))
	var response Response
	switch {
	case a.Operation != "":
		response, err = OperationByID(permissions, a.Operation)
	case a.Target != "":
		response, err = Request(permissions, a.Method, a.Target)
	default:
		report := NewReport(permissions, a.All || advise.MeansPodman(c.AllRules()...))
		report.Client, report.Clients, report.Settings = a.Client, c.ClientNames(), c.Warnings
		report.all = a.All
		report.addGuard(c, permissions.Policy)
		return true, a.print(w, report)
	}
	if err != nil {
		return false, err
	}
	response.Client = a.Client
	if a.Target != "" {
		decision, query := decideOn(permissions.Policy, a.Method, a.Target)
		if err := response.judge(c, decision, query, a.Body); err != nil {
			return false, err
		}
	}
	return response.Allowed, a.print(w, response)
}

func (a ExplainArgs) print(w io.Writer, result interface{ Text(io.Writer) error }) error {
	if !a.JSON {
		return result.Text(w)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
