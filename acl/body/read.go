package body

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxSize is the length of the longest body that [Read] accepts, in bytes. What
// docker create sends has about 3 KB.
const MaxSize = 1 << 20

// maxDepth is how deep values may be in one another. The deepest of the engine's own
// bodies has 8 levels.
const maxDepth = 32

// Problem is what is wrong with a body. The zero value is a body that is not as JSON
// or the engine wants it.
type Problem int

const (
	Malformed Problem = iota
	// TooLarge is a body of more than MaxSize.
	TooLarge
	// Empty is a body without a value, or one that is null. Some operations need
	// none.
	Empty
)

// Error is why a body cannot be read.
type Error struct {
	Problem Problem
	// Field is where, such as "HostConfig.CapAdd", or "".
	Field string
	// Reason follows the word "body" or the field: "is not JSON".
	Reason string
}

func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + " " + e.Reason
	}
	return "the body " + e.Reason
}

// Unknown says what to do with fields that a struct does not have.
type Unknown int

const (
	// Drop leaves them out, and Read lists those that have a value.
	Drop Unknown = iota
	// Keep keeps them as they are. Read lists those alone that the engine might read
	// as known fields.
	Keep
)

// Read reads a body of a struct type. Besides the object it returns the paths of the
// unknown fields that are not in it: a caller must refuse the body if there is one.
// Fields that are null, false, 0, "", [] or {} ask for nothing and are not listed.
//
// The error is an *[Error].
func Read(data []byte, t *Type, unknown Unknown) (*Object, []string, error) {
	switch {
	case len(data) > MaxSize:
		return nil, nil, &Error{TooLarge, "", fmt.Sprintf("has more than %d bytes", MaxSize)}
	case !utf8.Valid(data):
		return nil, nil, &Error{Reason: "is not UTF-8"}
	}
	data = bytes.TrimLeft(data, space)
	if len(data) == 0 || string(bytes.TrimRight(data, space)) == "null" {
		return nil, nil, &Error{Problem: Empty, Reason: "is empty"}
	}
	// Valid allows one value and spaces around it. What follows may rely on that.
	if !json.Valid(data) {
		return nil, nil, &Error{Reason: "is not one JSON object"}
	}
	r := reader{data: data, keep: unknown == Keep}
	v, err := r.value(t)
	if err != nil {
		return nil, nil, err
	}
	return v.(*Object), r.unknown, nil
}

const space = " \t\r\n"

// reader reads values from valid JSON.
type reader struct {
	data    []byte
	at      int      // in data
	path    []string // of keys and of indexes such as "[0]", to the value at at
	keep    bool
	unknown []string
}

// peek is the first byte of what is to be read next.
func (r *reader) peek() byte {
	for r.data[r.at] <= ' ' {
		r.at++
	}
	return r.data[r.at]
}

// next reports whether the next byte is c, and skips it if so.
func (r *reader) next(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *reader) enter(name string) { r.path = append(r.path, name) }
func (r *reader) leave()            { r.path = r.path[:len(r.path)-1] }

// field is the path in words, such as "HostConfig.CapAdd[0]".
func (r *reader) field() string {
	return strings.ReplaceAll(strings.Join(r.path, "."), ".[", "[")
}

func (r *reader) fail(reason string) *Error { return &Error{Field: r.field(), Reason: reason} }

// value reads a value of a type. Null is a value of every type, except in a list:
// there the engine would make a zero value of it, or a nil pointer.
func (r *reader) value(t *Type) (any, *Error) {
	if len(r.path) > maxDepth {
		return nil, r.fail(fmt.Sprintf("is nested more than %d deep", maxDepth))
	}
	if t.kind == isAny {
		return r.raw(), nil
	}
	first := r.peek()
	switch {
	case first == 'n' && len(r.path) > 0:
		r.at += len("null")
		return nil, nil
	case first == '"' && t.kind == isString:
		return r.str(), nil
	case first == 't' && t.kind == isBool:
		r.at += len("true")
		return true, nil
	case first == 'f' && t.kind == isBool:
		r.at += len("false")
		return false, nil
	case first == '[' && t.kind == isList:
		return r.list(t)
	case first == '{' && (t.kind == isMap || t.kind == isStruct):
		return r.object(t)
	case t.kind == isInt && (first == '-' || '0' <= first && first <= '9'):
		text := string(r.raw())
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Number(text), nil
		}
		if _, err := strconv.ParseUint(text, 10, 64); err == nil {
			return Number(text), nil
		}
	}
	return nil, r.fail(fmt.Sprintf("is not %v", t.kind))
}

func (r *reader) list(t *Type) (any, *Error) {
	r.next('[')
	list := []any{}
	for !r.next(']') {
		r.next(',')
		r.enter("[" + strconv.Itoa(len(list)) + "]")
		v, err := r.value(t.of)
		if err == nil && v == nil {
			err = r.fail("is null")
		}
		if err != nil {
			return nil, err
		}
		r.leave()
		list = append(list, v)
	}
	return list, nil
}

func (r *reader) object(t *Type) (any, *Error) {
	r.next('{')
	o := &Object{typ: t}
	var strangers []string // folded keys of unknown fields
	for !r.next('}') {
		r.next(',')
		r.peek()
		key := r.str()
		r.next(':')
		of, isStranger := t.of, false
		if t.kind == isStruct {
			if i := t.field(key); i >= 0 {
				of, key = t.fields[i].Type, t.fields[i].Name
			} else {
				of, isStranger = Any, true
			}
		}
		r.enter(key)
		v, err := r.value(of)
		if err == nil {
			err = r.add(o, key, v, isStranger, &strangers)
		}
		if err != nil {
			return nil, err
		}
		r.leave()
	}
	return o, nil
}

// add puts a value into an object, or notes that it is unknown.
func (r *reader) add(o *Object, key string, v any, isStranger bool, strangers *[]string) *Error {
	if isStranger {
		folded := fold(key)
		switch {
		case slices.Contains(*strangers, folded):
			return r.fail("is there twice")
		case len(*strangers) == maxStrangers:
			return r.fail(fmt.Sprintf("is one of more than %d unknown fields", maxStrangers))
		}
		*strangers = append(*strangers, folded)
		if !r.keeps(o.typ, key) {
			if !isZero(v.(Raw)) {
				r.unknown = append(r.unknown, r.field())
			}
			return nil
		}
	}
	if o.find(key) >= 0 {
		return r.fail("is there twice")
	}
	o.put(key, v)
	return nil
}

// maxStrangers is how many unknown fields an object may have: they are compared with
// one another.
const maxStrangers = 64

// keeps reports whether an unknown field stays in the object.
func (r *reader) keeps(t *Type, key string) bool {
	return r.keep && (t.elsewhere == nil || t.elsewhere.field(key) < 0)
}

// str reads a string, decoded as encoding/json decodes it.
func (r *reader) str() string {
	text := r.data[r.at:r.stringEnd()]
	r.at += len(text)
	inner := text[1 : len(text)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		panic(err) // unreachable: the text is valid
	}
	return s
}

// stringEnd is the index after the string that begins here.
func (r *reader) stringEnd() int {
	for i := r.at + 1; ; i++ {
		switch r.data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// raw reads any value as it was written.
func (r *reader) raw() Raw {
	r.peek()
	start, level := r.at, 0
	for {
		switch r.peek() {
		case '"':
			r.at = r.stringEnd()
		case '{', '[':
			level++
			r.at++
		case '}', ']':
			level--
			r.at++
		case ',', ':':
			r.at++
		default: // a number, true, false or null
			for r.at < len(r.data) && r.data[r.at] > ' ' && r.data[r.at] != ',' && r.data[r.at] != '}' && r.data[r.at] != ']' {
				r.at++
			}
		}
		if level == 0 {
			return Raw(r.data[start:r.at])
		}
	}
}

// isZero reports whether a value asks for nothing.
func isZero(v Raw) bool {
	switch v[0] {
	case '[', '{':
		return strings.TrimSpace(string(v[1:len(v)-1])) == ""
	case '"':
		return v == `""`
	case 'n', 'f':
		return true
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return err == nil && n == 0
}
