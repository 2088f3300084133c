package limits

import "strings"

// docker run --link web:alias gives web a further name, /parent/alias, which the engine's
// lists show and by which it finds web. The parent may be out of the scope, and its name
// is then nobody's business.

// isAlias reports whether a name, without the slash in front, is one that a link gave.
func isAlias(name string) bool { return strings.Contains(name, "/") }

// seesParent reports whether the client may call a container by a name that a link gave.
func (c *check) seesParent(name string) (bool, error) {
	if !isAlias(name) {
		return true, nil
	}
	parent, _, err := c.findContainer(name[:strings.LastIndexByte(name, '/')])
	return parent != nil, err
}

// ownNames decodes the names of a container in a list that no link gave. others is
// whether there are more.
func ownNames(list []byte) (own []string, others bool, err error) {
	names, err := membersOf(list)
	if err != nil {
		return nil, false, err
	}
	for {
		name := names.next()
		if len(name) == 0 {
			return own, others, nil
		}
		decoded, err := text(name)
		if err != nil {
			return nil, false, err
		}
		if isAlias(strings.TrimPrefix(decoded, "/")) {
			others = true
		} else {
			own = append(own, decoded)
		}
	}
}
