// Package scope says which objects of the engine a client may see and touch: the
// meaning of SCOPE. It is pure: the caller asks the engine about an object and hands
// in what it said.
//
// The files, in reading order: scope.go (what is in a scope), parse.go (the
// grammar), create.go (what a client may make), operations.go (what each operation
// names).
package scope

import (
	"slices"

	"postern/acl/pattern"
)

// Stamp is the label that says which client made an object.
const Stamp = "postern.client"

// Everybody is the value of the stamp for the clients that are not declared. No
// client can have this name.
const Everybody = "-"

// Scope is a set of objects. A nil *Scope has all objects, the zero Scope none. Make
// it with [Parse].
type Scope struct {
	// Mine has what the client made: what bears the stamp with this value. It is ""
	// if SCOPE does not say mine.
	Mine string
	// Names and Labels are the terms. A container is in the scope if its name
	// matches one of Names and it has all of Labels. Without Names any name is fine.
	// Without Names and Labels there are no terms, and only Mine counts.
	Names  []string
	Labels []Label
}

// Label is a label that an object must have.
type Label struct {
	Key string
	// Value is what it must be. It is nil if any value is fine.
	Value *string
}

// Kind is a kind of object.
type Kind string

// The kinds of objects that can be in a scope. An exec is in it with its container.
const (
	Container Kind = "container"
	Exec      Kind = "exec"
	Network   Kind = "network"
	Volume    Kind = "volume"
)

// Object is what the engine says of an object.
type Object struct {
	Kind Kind
	// Name is without the slash in front of a container's.
	Name   string
	Labels map[string]string
	// Image are the labels of a container's image. The engine copies them to every
	// container made from it, whoever makes it.
	Image map[string]string
}

// Has reports whether an object is in the scope.
func (s *Scope) Has(o Object) bool {
	switch {
	case s == nil:
		return true
	case s.Mine != "" && o.has(Label{Stamp, &s.Mine}):
		return true
	case len(s.Names) > 0 && (o.Kind != Container || !pattern.MatchAny(s.Names, o.Name)):
		return false
	}
	return s.HasTerms() && !slices.ContainsFunc(s.Labels, func(l Label) bool { return !o.has(l) })
}

// has reports whether an object got a label when it was made. A label that its image
// has with the same value does not count: whoever builds an image chooses its labels,
// and could so take the containers that others make from it.
func (o Object) has(l Label) bool {
	value, labelled := o.Labels[l.Key]
	inherited, inImage := o.Image[l.Key]
	return labelled && (l.Value == nil || value == *l.Value) && !(inImage && inherited == value)
}

// HasTerms reports whether SCOPE names objects by name or label.
func (s *Scope) HasTerms() bool { return len(s.Names)+len(s.Labels) > 0 }

// Keys are the keys of the labels that decide.
func (s *Scope) Keys() (keys []string) {
	if s == nil {
		return nil
	}
	if s.Mine != "" {
		keys = append(keys, Stamp)
	}
	for _, l := range s.Labels {
		keys = append(keys, l.Key)
	}
	return keys
}

// Unclaimed reports whether an object has none of the labels that decide. The engine
// makes volumes without labels for docker run -v: such a volume belongs to those who
// use it.
func (s *Scope) Unclaimed(o Object) bool {
	return !slices.ContainsFunc(s.Keys(), func(key string) bool { return o.Labels[key] != "" })
}

// Covers reports whether objects of a kind can be in the scope at all.
func (s *Scope) Covers(k Kind) bool {
	return s == nil || s.Mine != "" || len(s.Names) == 0 || k == Container || k == Exec
}

// Filter returns the labels by which the engine can find all objects of a scope, in
// the form of its label filter, or nil if it cannot.
func (s *Scope) Filter() (labels []string) {
	switch {
	case s.Mine != "" && s.HasTerms(): // the engine's filters know no "or"
		return nil
	case s.Mine != "":
		return []string{Stamp + "=" + s.Mine}
	}
	for _, l := range s.Labels {
		labels = append(labels, l.String())
	}
	return labels
}

// String is the label as the engine's filter has it.
func (l Label) String() string {
	if l.Value == nil {
		return l.Key
	}
	return l.Key + "=" + *l.Value
}
