package command

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"postern/acl/spelling"
)

// commands are in the order of the manual.
var commands = []string{"serve", "explain", "presets", "check", "certs", "healthcheck", "version", "help"}

// usages are the texts that a command's --help prints.
var usages = map[string]string{
	"serve": `usage: postern [serve]

Runs the proxy. Its settings are environment variables: see postern help.
`,
	"explain": explainUsage + `

Says what the settings in the environment allow, and why. Without an argument
that is all operations. With a request or the id of an operation it is that one:
the exit status is 0 if it is allowed, and 1, with the variables to set, if not.

  --client NAME  for the client that CLIENT_<NAME>_... declares
  --json         for programs
  --all          list what is refused too, with what would allow it, and Podman's
                 own operations, though no LIBPOD_ variable is on
  --body FILE    judge this body of the request too, where GUARD is on

  postern explain POST /v1.41/containers/web/restart
  postern explain /containers/json
  postern explain ContainerList
  postern explain POST /containers/create --body create.json
`,
	"presets": `usage: postern presets [NAME ...]

Lists what well-known programs need, or what the presets of these names allow.

  postern presets traefik,dozzle
`,
	"check": `usage: postern check < docker-compose.yml

Reads a compose file that has another proxy for the Docker socket, and prints the
service with postern in its place. What differs stands before it, as comments. It
changes no file and needs no engine.

  docker run --rm -i postern check < docker-compose.yml
  docker compose config | docker run --rm -i postern check
`,
	"certs": certsUsage + `

Makes certificates for tls:// listeners in DIR: the folder ca with a CA and its key,
which stays with you; the folder server, which postern needs as TLS_DIR, with a
certificate for the hosts; and a folder for each name, with ca.pem, cert.pem and
key.pem, which is the client's DOCKER_CERT_PATH. Run it again to add names or hosts;
it renews what expires within 30 days. --host may be left out then.

  postern certs --dir certs --host procyon.lan --host 10.0.0.7 gerard traefik
`,
	"healthcheck": `usage: postern healthcheck

Sends a request through the first listener without TLS of a running proxy to the
engine, or through a private socket if all listeners are tls://. The exit status is 0
if the engine answers, else 1.
`,
	"version": "usage: postern version\n\nPrints the version.\n",
	"help":    "usage: postern help [COMMAND]\n\nPrints the manual, or what a command does.\n",
}

const explainUsage = "usage: postern explain [--client NAME] [--json] [--all] [--body FILE] [[METHOD] PATH | OPERATION]"

// helpFlags request help wherever they stand.
var helpFlags = []string{"-h", "-help", "--help"}

// ParseCommand returns the name of the command on a command line, "serve" if it
// has none, and the command's arguments. A flag for help makes it the command
// help, about the command that it stands with.
func ParseCommand(args []string) (name string, rest []string, err error) {
	if len(args) > 0 && path.Base(args[0]) == "postern" {
		args = args[1:] // docker run postern postern explain
	}
	if len(args) == 0 {
		return "serve", nil, nil
	}
	name, rest = args[0], args[1:]
	isHelp := func(s string) bool { return slices.Contains(helpFlags, s) }
	switch {
	case isHelp(name):
		name = "help"
	case slices.Contains([]string{"-v", "-V", "-version", "--version"}, name):
		name = "version"
	}
	switch {
	case usages[name] == "":
		return "", nil, unknownCommand(name)
	case name != "help" && (slices.ContainsFunc(rest, isHelp) || len(rest) == 1 && rest[0] == "help"):
		return "help", []string{name}, nil
	case len(rest) > 0 && name == "check":
		return "", nil, fmt.Errorf("unexpected argument %q: check reads stdin, as in postern check < docker-compose.yml", rest[0])
	case len(rest) > 0 && slices.Contains([]string{"serve", "healthcheck", "version"}, name):
		return "", nil, fmt.Errorf("unexpected argument %q: %s takes none; settings are environment variables, see postern help", rest[0], name)
	}
	return name, rest, nil
}

// Help writes what a command does.
func Help(w io.Writer, name string) error {
	if usages[name] == "" {
		return unknownCommand(name)
	}
	_, err := io.WriteString(w, usages[name])
	return err
}

func unknownCommand(name string) error {
	switch variable, _, isSetting := strings.Cut(name, "="); {
	case strings.HasPrefix(name, "-"):
		return fmt.Errorf("unknown flag %q: settings are environment variables, see postern help", name)
	case isSetting:
		return fmt.Errorf("unknown command %q: settings are environment variables, as in docker run -e %s=VALUE", name, variable)
	}
	if near := spelling.Nearest(strings.ToLower(name), commands); near != "" {
		return fmt.Errorf("unknown command %q: did you mean %s?", name, near)
	}
	last := len(commands) - 1
	return fmt.Errorf("unknown command %q: want %s or %s", name, strings.Join(commands[:last], ", "), commands[last])
}
