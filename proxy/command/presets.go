package command

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/acl"
	"postern/acl/advise"
	"postern/acl/preset"
	"postern/acl/redact"
)

// Presets writes, for a terminal, the operations that the presets of these names
// allow. The names may be in one argument, as in PRESET. Without a name it writes
// the list of all presets, each with its purpose and its dangers, less what is redacted.
// It returns an error for an unknown name or flag, or w's.
func Presets(w io.Writer, r redact.Redaction, args ...string) error {
	var found []preset.Preset
	for _, name := range strings.FieldsFunc(strings.Join(args, ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		if strings.HasPrefix(name, "-") {
			return fmt.Errorf("unknown flag %q: postern presets takes names, as in postern presets traefik", name)
		}
		p, err := preset.Find(name)
		if err != nil {
			return fmt.Errorf("invalid preset %q: %w", name, err)
		}
		found = append(found, p)
	}
	if len(found) == 0 {
		return listPresets(w, r)
	}
	for i, p := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writePreset(w, r, p); err != nil {
			return err
		}
	}
	return nil
}

func listPresets(w io.Writer, r redact.Redaction) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range preset.All() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Reason, strings.Join(dangerKinds(p, r), ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, "\nSwitch them on with PRESET=traefik,dozzle. postern presets traefik says what one allows.\n")
	return err
}

func writePreset(w io.Writer, r redact.Redaction, p preset.Preset) error {
	fmt.Fprintf(w, "%s: %s\n\nPRESET=%s is the same as\nALLOW=%s\n", p.Name, p.Reason, p.Name, strings.Join(p.IDs(), ","))
	fmt.Fprint(w, "EVENTS, PING and VERSION are open beside either, unless they are 0.\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	guesses := "none: all of it is in the source"
	if len(p.Guesses) > 0 {
		guesses = strings.Join(p.Guesses, ", ") + " are not in the source, but likely"
	}
	fmt.Fprintf(table, "source\t%s\nchecked\t%s, version %s: %s\nguesses\t%s\n", p.Source, p.Date, p.Version, checked[p.Evidence], guesses)
	if len(p.Limits) > 0 {
		fmt.Fprintf(table, "works with\t%s\n", strings.Join(p.Limits, " "))
	}
	if p.Note != "" {
		fmt.Fprintf(table, "note\t%s\n", p.Note)
	}
	for _, d := range dangers(p, r) {
		fmt.Fprintf(table, "warning\t%s: %s lets a client %s\n", d.Kind, strings.Join(d.All, " with "), d.Why)
	}
	return table.Flush()
}

// checked puts an evidence into words.
var checked = map[preset.Evidence]string{
	preset.Ran:    "it ran behind postern with this and nothing else",
	preset.Read:   "its source was read",
	preset.Partly: "it ran, or its source was read",
}

// dangers lists the dangers that a preset opens on its own.
func dangers(p preset.Preset, r redact.Redaction) []advise.Danger {
	return advise.Dangers(acl.Compile(acl.Only(p.IDs()...)), r)
}

// dangerKinds lists the kinds of danger in a preset, worst first.
func dangerKinds(p preset.Preset, r redact.Redaction) []string {
	var kinds []string
	for _, d := range dangers(p, r) {
		if !slices.Contains(kinds, string(d.Kind)) {
			kinds = append(kinds, string(d.Kind))
		}
	}
	return kinds
}
