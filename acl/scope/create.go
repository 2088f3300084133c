package scope

import (
	"fmt"

	"postern/acl/pattern"
)

// Labels are the labels that an object made by the client gets, given those that the
// request asks for. The error says why the object would not be in the scope, or
// would be in another client's.
func (s *Scope) NewLabels(client string, asked map[string]string) (add map[string]string, err error) {
	if s == nil {
		return nil, nil
	}
	if stamp, stamped := asked[Stamp]; stamped && stamp != client {
		return nil, fmt.Errorf("the label %s=%s is another client's stamp", Stamp, stamp)
	}
	if s.Mine != "" {
		return nil, nil // the stamp, which all get, is enough
	}
	add = map[string]string{}
	for _, l := range s.Labels {
		value, has := asked[l.Key]
		switch {
		case l.Value == nil && !has:
			return nil, fmt.Errorf("the label %s is missing, and only what has it is in the scope", l.Key)
		case l.Value != nil && has && value != *l.Value:
			return nil, fmt.Errorf("the label %s=%s would put it out of the scope, which wants %s", l.Key, value, l)
		case l.Value != nil:
			add[l.Key] = *l.Value
		}
	}
	return add, nil
}

// CheckName reports an error if an object of this name may not be made. The name may
// be "" if the client leaves it to the engine.
func (s *Scope) CheckName(k Kind, name string) error {
	switch {
	case s == nil:
		return nil
	case IsHex(name):
		return fmt.Errorf("the name %s looks like an id, and could stand in for another object", name)
	case s.Mine != "" || len(s.Names) == 0:
		return nil
	case k != Container:
		return fmt.Errorf("a %s cannot be in a scope of names", k)
	case name == "":
		return fmt.Errorf("it needs a name, since the scope is one of names")
	case !pattern.MatchAny(s.Names, name):
		return fmt.Errorf("the name %s is out of the scope", name)
	}
	return nil
}
