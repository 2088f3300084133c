package limits

import (
	"bytes"
	"encoding/json"
)

// members takes the keys and the values of an object, or the values of an array, one
// after another.
type members struct{ rest []byte }

func membersOf(value []byte) (members, error) {
	value = bytes.TrimLeft(value, space)
	if len(value) == 0 || value[0] != '{' && value[0] != '[' {
		return members{}, errJSON
	}
	return members{value[1:]}, nil
}

const space = " \t\r\n"

// next is empty at the end.
func (m *members) next() []byte {
	for len(m.rest) > 0 && (m.rest[0] <= ' ' || m.rest[0] == ',' || m.rest[0] == ':') {
		m.rest = m.rest[1:]
	}
	var s scan
	n, _ := s.scan(m.rest)
	value := m.rest[:n]
	m.rest = m.rest[n:]
	return value
}

// fields finds the values of some keys of an object, nil for those it lacks.
func fields(object []byte, found [][]byte, keys ...string) error {
	all, err := membersOf(object)
	if err != nil {
		return err
	}
	for {
		key := all.next()
		if len(key) == 0 {
			return nil // the }
		}
		value := all.next()
		if len(value) == 0 || len(key) < 2 || key[0] != '"' {
			return errJSON
		}
		for i, wanted := range keys {
			if string(key[1:len(key)-1]) == wanted {
				found[i] = value
			}
		}
	}
}

// text decodes a string, or null.
func text(value []byte) (string, error) {
	if len(value) >= 2 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), nil
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err
}

// labelsOf decodes those labels that have one of some keys.
func labelsOf(value []byte, keys []string) (map[string]string, error) {
	if len(value) == 0 || value[0] == 'n' || len(keys) == 0 {
		return nil, nil
	}
	all, err := membersOf(value)
	if err != nil {
		return nil, err
	}
	var labels map[string]string
	for {
		key := all.next()
		if len(key) == 0 {
			return labels, nil
		}
		value := all.next()
		if !isOneOf(key, keys) {
			continue
		}
		name, err := text(key)
		if err == nil && labels == nil {
			labels = map[string]string{}
		}
		if err == nil {
			labels[name], err = text(value)
		}
		if err != nil {
			return nil, err
		}
	}
}

// isOneOf reports whether a key in JSON is, or could be, one of some keys.
func isOneOf(key []byte, keys []string) bool {
	if len(key) < 2 || bytes.IndexByte(key, '\\') >= 0 {
		return true
	}
	for _, wanted := range keys {
		if string(key[1:len(key)-1]) == wanted {
			return true
		}
	}
	return false
}
