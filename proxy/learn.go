package proxy

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"postern/acl"
	"postern/proxy/client"
	"postern/proxy/logging"
)

// Recorder learns what clients ask for and which settings would have sufficed.
// It is an [Observer]; make it with [NewRecorder]. What it holds is bounded by
// the number of operations and sections.
type Recorder struct {
	log  zerolog.Logger
	mode string

	mu       sync.Mutex
	students []*student
}

// student is a client with what is known of it.
type student struct {
	client  *client.Client
	rules   acl.Rules
	learned acl.Learned
}

// NewRecorder returns a recorder. A line of the log tells of each operation that
// is new. mode is LEARN's value: "1" while everything is forwarded, else "deny".
func NewRecorder(mode string, log zerolog.Logger) *Recorder {
	const report = "the report on stderr, on SIGUSR1 and at exit"
	if mode == "1" {
		log.Warn().Msg("LEARN=1: nothing is refused but what DENY names: whoever can connect owns the engine; take LEARN away when " + report + ", has what is needed")
	} else {
		log.Info().Msg("LEARN=deny: requests are refused as the settings have it; " + report + ", says what was asked for")
	}
	return &Recorder{mode: mode, log: log}
}

// Learn has a client recorded; rules are what its policy was compiled from. It
// must be called before the first request.
func (rec *Recorder) Learn(c *client.Client, rules acl.Rules) {
	rec.students = append(rec.students, &student{client: c, rules: rules})
}

// Begin records a request.
func (rec *Recorder) Begin(e *Event) {
	i := slices.IndexFunc(rec.students, func(s *student) bool { return s.client == e.Client })
	// A stranger's request and one that is too long are refused for something
	// else than what they ask.
	if i < 0 || e.Client.Policy.Decide(e.Request) != e.Verdict {
		return
	}
	s := rec.students[i]
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if !s.learned.Add(e.Request, e.Verdict) {
		return
	}
	line := rec.log.Info()
	if e.Client.Name != "" {
		line.Str("client", e.Client.Name)
	}
	exact, _ := s.learned.Exact(s.rules)
	line.Str("operation", e.Request.ID()).
		Str("method", logging.ASCII(e.Method)).
		Str("path", logging.Printable(e.Path)).
		Str("verdict", e.Outcome.String())
	if e.Outcome == Refused {
		line.Str("advice", advice(e.Verdict))
	}
	line.Stringers("set", stringers(s.learned.Toggles(s.rules))).
		Stringers("or", stringers(exact)).
		Msg("learned")
}

// End does nothing: what is asked is known at the beginning.
func (rec *Recorder) End(*Event) {}

func stringers(settings []acl.Setting) []fmt.Stringer {
	all := make([]fmt.Stringer, len(settings))
	for i, s := range settings {
		all[i] = s
	}
	return all
}

// ReportOn writes a report whenever a signal comes, and the last when end is
// called.
func (rec *Recorder) ReportOn(sig os.Signal, w io.Writer) (end func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, sig)
	go func() {
		defer close(done)
		for range signals {
			rec.Report(w)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
		rec.Report(w)
	}
}

// Report writes what has been learned: a stream of two YAML documents, each
// ready to stand under a service of a compose file.
func (rec *Recorder) Report(w io.Writer) error {
	// Nobody need be reading: w may block for ever, and requests must not wait
	// for it.
	_, err := io.WriteString(w, rec.report())
	return err
}

func (rec *Recorder) report() string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, `# LEARN=%s: what was asked for since the start, and two environments that would have sufficed for what was forwarded.
# Put one of the two under the service, in place of the toggles, ALLOW, DENY, PRESET and LEARN that it has.
`, rec.mode)
	fmt.Fprintf(&b, "\n# 1. By toggles, which open %d operations more than were asked for:\n    environment:\n", rec.excess())
	for _, s := range rec.students {
		rec.write(&b, s, s.learned.Toggles(s.rules))
	}
	fmt.Fprint(&b, "---\n# 2. By ALLOW, which opens nothing else:\n    environment:\n")
	for _, s := range rec.students {
		exact, unnamed := s.learned.Exact(s.rules)
		rec.write(&b, s, exact)
		for _, u := range unnamed {
			fmt.Fprintf(&b, "      # not in it, for ALLOW cannot name it: %s; %s\n", describe(u), toggled(u))
		}
	}
	rec.writeRefused(&b)
	return b.String()
}

// write writes a client's settings below what it asked for.
func (rec *Recorder) write(b *strings.Builder, s *student, settings []acl.Setting) {
	if len(rec.students) > 1 {
		fmt.Fprintf(b, "      # %s\n", s.who())
	}
	forwarded := slices.DeleteFunc(s.learned.Uses(), func(u acl.Use) bool { return !u.Verdict.Allowed })
	for _, u := range forwarded {
		already := ""
		if rec.mode == "1" && !u.Asked() {
			already = ", allowed already"
		}
		fmt.Fprintf(b, "      # %s%s\n", describe(u), already)
	}
	if len(forwarded) == 0 {
		fmt.Fprint(b, "      # nothing was forwarded\n")
	}
	// A declared client that may do nothing would stop the start.
	if s.client.Name != "" && s.width(settings) == 0 {
		fmt.Fprintf(b, "      # nothing to set, and with nothing postern does not start: give it something, or take %sFROM and %sLISTEN away\n",
			s.rules.Prefix, s.rules.Prefix)
		return
	}
	for _, setting := range settings {
		fmt.Fprintf(b, "      %s: %s\n", setting.Name, scalar(setting.Value))
	}
}

func (s *student) who() string {
	if s.client.Name == "" {
		return "everybody who is no declared client"
	}
	return "client " + s.client.Name
}

// writeRefused writes what was refused, as a comment.
func (rec *Recorder) writeRefused(b *strings.Builder) {
	head := "\n# Refused, and in neither:\n"
	for _, s := range rec.students {
		for _, u := range s.learned.Uses() {
			if u.Verdict.Allowed {
				continue
			}
			who := ""
			if len(rec.students) > 1 {
				who = s.who() + ": "
			}
			fmt.Fprintf(b, "%s#   %s%s: %s\n", head, who, describe(u), advice(u.Verdict))
			head = ""
		}
	}
}

// advice is what would allow what was refused.
func advice(v *acl.Verdict) string {
	if v.Advice == "" {
		return "no setting allows it"
	}
	return v.Advice
}

// describe puts a use into words: 12x GET /containers/json (ContainerList).
func describe(u acl.Use) string {
	text := fmt.Sprintf("%dx %s %s", u.Count, logging.ASCII(u.Method), logging.Printable(u.Path))
	if u.ID != "" {
		text += " (" + u.ID + ")"
	}
	if u.ID != "" && !u.HasID() {
		text += " in an API before 1.24"
	}
	return text
}

// toggled says which toggles open what has no id, and all else in its section.
func toggled(u acl.Use) string {
	ways := u.Verdict.Remedies
	if len(ways) == 0 {
		return "what allows it now is " + u.Verdict.Rule
	}
	return strings.Join(ways[0], " and ") + " would open it with the rest of its section"
}

// scalar is a value as YAML has it: numbers and lists of ids stand as they are.
func scalar(value string) string {
	if strings.ContainsAny(value, `*"`) {
		return strconv.Quote(value)
	}
	return value
}

// excess counts the operations that the toggles would open beyond those that
// were asked for, over all clients.
func (rec *Recorder) excess() (n int) {
	for _, s := range rec.students {
		exact, _ := s.learned.Exact(s.rules)
		n += s.width(s.learned.Toggles(s.rules)) - s.width(exact)
	}
	return n
}

// width counts the operations that settings allow.
func (s *student) width(settings []acl.Setting) (n int) {
	environ := map[string]string{}
	for _, setting := range settings {
		environ[setting.Name] = setting.Value
	}
	rules, _ := acl.ParseRules(s.rules.Prefix, environ) // they come from acl
	policy := acl.Compile(rules)
	for i := range acl.Operations {
		if policy.Operation(i).Allowed {
			n++
		}
	}
	return n
}
