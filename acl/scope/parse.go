package scope

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"postern/acl/spelling"
)

// Parse reads the value of SCOPE. client is the name of the client, or [Everybody].
// It returns nil, which is everything, for "*" and for an empty value.
//
// The value is a list of mine, label=KEY, label=KEY=VALUE and name=PATTERN, with a
// comma between. More patterns may follow name=PATTERN without name=. A comma in a
// value is written \, and a blank around an item is dropped.
func Parse(value, client string) (*Scope, error) {
	items := split(value)
	if len(items) == 0 || len(items) == 1 && items[0] == "*" {
		return nil, nil
	}
	s := &Scope{}
	inNames := false
	for _, item := range items {
		key, rest, hasValue := strings.Cut(item, "=")
		switch {
		case item == "*":
			return nil, errors.New("* is everything: leave out the rest, or the *")
		case item == "mine":
			s.Mine, inNames = client, false
		case key == "label" && hasValue:
			inNames = false
			if err := s.addLabel(rest); err != nil {
				return nil, err
			}
		case key == "name" && hasValue:
			inNames = true
			item = rest
			fallthrough
		case inNames && !hasValue:
			if err := CheckPattern(item); err != nil {
				return nil, err
			}
			s.Names = append(s.Names, item)
		default:
			return nil, unknown(item)
		}
	}
	return s, nil
}

func unknown(item string) error {
	hint := ""
	key, value, hasValue := strings.Cut(item, "=")
	if !hasValue {
		key, value, hasValue = strings.Cut(item, ":")
	}
	// NAME and names are name, and Mine is mine.
	near := spelling.Nearest(strings.ToLower(key), []string{"mine", "name", "label"})
	switch {
	case slices.Contains([]string{"all", "any", "everything"}, strings.ToLower(item)):
		hint = "; did you mean *?"
	case slices.Contains([]string{"1", "0", "true", "false", "yes", "no", "none", "-"}, strings.ToLower(item)):
		// A container could have this name. Whoever writes it alone does not mean one.
	case !hasValue && near == "mine":
		hint = "; did you mean mine?"
	case hasValue && value != "" && near != "" && near != "mine":
		hint = "; did you mean " + near + "=" + value + "?"
	case !strings.Contains(item, "=") && CheckPattern(item) == nil:
		hint = ", such as name=" + item
	case strings.Contains(item, "=") && checkKey(key) == nil:
		hint = ", such as label=" + item
	}
	return fmt.Errorf("%q: want mine, name=PATTERN, label=KEY=VALUE or *%s", item, hint)
}

// split splits a list at its commas, drops empty items, and takes \, for a comma.
func split(list string) (items []string) {
	const comma = "\x00"
	for item := range strings.SplitSeq(strings.ReplaceAll(list, `\,`, comma), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, strings.ReplaceAll(item, comma, ","))
		}
	}
	return items
}

func (s *Scope) addLabel(text string) error {
	key, value, hasValue := strings.Cut(text, "=")
	if err := checkKey(key); err != nil {
		return err
	}
	if slices.ContainsFunc(s.Labels, func(l Label) bool { return l.Key == key }) {
		return fmt.Errorf("label=%s stands there twice, and an object must have all labels", key)
	}
	l := Label{Key: key}
	if hasValue {
		if strings.ContainsAny(value, "*") {
			return fmt.Errorf("label=%s has a *: the engine compares labels as they are; a * is for names", text)
		}
		l.Value = &value
	}
	s.Labels = append(s.Labels, l)
	return nil
}

func checkKey(key string) error {
	if key == "" || strings.ContainsAny(key, "* \t\r\n\"'") {
		return fmt.Errorf("label=%s has no key: want label=KEY or label=KEY=VALUE", key)
	}
	return nil
}

// CheckPattern reports an error for what can match no container's name.
func CheckPattern(p string) error {
	if bare := strings.TrimPrefix(p, "/"); bare != p {
		return fmt.Errorf("%q: want the name without /, as docker ps shows it: %s", p, bare)
	}
	if err := spelling.Separator(p); err != nil {
		return fmt.Errorf("%q: %w", p, err)
	}
	if p == "" || strings.Trim(p, letters+"0123456789_.-*") != "" {
		return fmt.Errorf("%q can match no container: a name has letters, digits and _ . -, and * stands for any of them", p)
	}
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// IsHex reports whether the engine could take a name for an id or its beginning: 12
// to 64 hexadecimal digits. A container, network, volume or tag of such a name would
// stand in for the object whose id it is.
func IsHex(name string) bool {
	return len(name) >= 12 && len(name) <= 64 && CouldBeID(name)
}

// CouldBeID reports whether a name could be the beginning of an id.
func CouldBeID(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "0123456789abcdefABCDEF") == ""
}
