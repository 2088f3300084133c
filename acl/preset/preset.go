// Package preset lists the operations that well-known programs need. A preset
// names operations by their ids alone, so that the package imports nothing of the
// policy; a test of package acl asserts that each id exists.
//
// The presets are the lines of presets.tsv, whose first lines name its fields.
package preset

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postern/acl/spelling"
)

// Preset is the least that a well-known program needs.
type Preset struct {
	// Name is what PRESET takes.
	Name string
	// Reason says in a few words what the program does with the operations.
	Reason string
	// Operations are the ids of the operations that its source calls.
	Operations []string
	// Guesses are ids that the preset allows although the call was not found in
	// the source: a program of this kind most likely uses them too. All are reads.
	Guesses []string
	// Limits are the settings, NAME=value, of SCOPE, GUARD and REDACT with which
	// the program still works. There may be none.
	Limits []string
	// Note says what the preset leaves out, or what a user can take away, and
	// how. It may be empty.
	Note string
	// Source is where Operations can be checked: a public project with the file
	// or thread.
	Source string
	// Version is the release or the commit of the program that was checked.
	Version string
	// Evidence is how.
	Evidence Evidence
	// Date is when, as in 2026-11-26.
	Date string
}

// Evidence says how the operations of a preset were found.
type Evidence string

const (
	// Ran is a program that ran behind postern with the preset and no other
	// permission, on a real engine.
	Ran Evidence = "ran"
	// Read is a program whose source was read.
	Read Evidence = "read"
	// Partly is a program that ran in one version and was read in another.
	Partly Evidence = "partly"
)

// IDs lists the ids of all that the preset allows.
func (p Preset) IDs() []string { return slices.Concat(p.Operations, p.Guesses) }

// Has reports whether the preset allows the operation with an id.
func (p Preset) Has(id string) bool {
	return slices.Contains(p.Operations, id) || slices.Contains(p.Guesses, id)
}

// Beside lists the ids of the ALLOW in the note that has the id, nil if none has.
func (p Preset) Beside(id string) []string {
	for _, after := range strings.Split(p.Note, "ALLOW=")[1:] {
		end := strings.IndexAny(after+" ", " ;.")
		if ids := strings.Split(after[:end], ","); slices.Contains(ids, id) {
			return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
		}
	}
	return nil
}

//go:embed presets.tsv
var table string

// fields is the number of fields of a line.
const fields = 10

// All lists the presets by name. The caller must not change them.
func All() []Preset { return parsed() }

// parsed parses the table once, when it is first asked for: most settings name no
// preset.
var parsed = sync.OnceValue(func() (all []Preset) {
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != fields {
			panic("presets.tsv: want " + fmt.Sprint(fields) + " fields: " + line) // a test parses all
		}
		all = append(all, Preset{
			Name: f[0], Reason: f[1], Operations: strings.Fields(f[2]), Guesses: strings.Fields(f[3]), Limits: strings.Fields(f[4]),
			Note: f[5], Source: f[6], Version: f[7], Evidence: Evidence(f[8]), Date: f[9],
		})
	}
	return all
})

// Find returns the preset with a name. An error names the nearest ones, or says
// how to find what a program needs that has no preset.
func Find(name string) (Preset, error) {
	var names []string
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("no preset has this name; the nearest are %s, and LEARN=1 finds what another program needs; postern presets lists all",
		strings.Join(spelling.Resembling(name, names)[:2], " and "))
}
