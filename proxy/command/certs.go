package command

import (
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/proxy/certs"
)

const certsUsage = "usage: postern certs --dir DIR --host HOST [--host HOST ...] [NAME ...]"

// Certs makes certificates for tls:// listeners and their clients. It returns a
// [UsageError] for arguments that it does not know.
func Certs(w io.Writer, args ...string) error {
	var order certs.Order
	flags := flag.NewFlagSet("certs", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&order.Dir, "dir", "", "")
	flags.Func("host", "", func(host string) error {
		order.Hosts = append(order.Hosts, strings.Split(host, ",")...)
		return nil
	})
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			text := strings.Replace(err.Error(), "flag provided but not defined:", "unknown flag", 1)
			return UsageError{fmt.Errorf("%s; %s", text, certsUsage)}
		}
		if args = flags.Args(); len(args) > 0 {
			order.Names = append(order.Names, args[0])
			args = args[1:]
		}
	}
	if err := order.Check(); err != nil {
		return UsageError{fmt.Errorf("%s; %s", strings.ReplaceAll(err.Error(), "\n", "; "), certsUsage)}
	}
	return order.Make(w, time.Now())
}

// UsageError is about the arguments of a command.
type UsageError struct{ error }
