package body

import (
	"encoding/json"
	"iter"
	"slices"
	"strconv"
)

// Object is a JSON object. Its values are nil, a bool, a [Number], a string, a
// [Raw], a []any of such values, or an *Object. A nil Object is empty, and must not
// be changed.
type Object struct {
	typ    *Type
	keys   []string
	values []any
	index  map[string]int // of keys; nil while the object is small
}

// Number is a number as it was written.
type Number string

// Raw is the JSON text of a value that no type describes.
type Raw string

// smallObject is how many keys are searched one by one. The largest struct has about as
// many.
const smallObject = 64

// New returns an empty object of a struct or map type.
func New(t *Type) *Object { return &Object{typ: t} }

// Type is the object's type.
func (o *Object) Type() *Type { return o.typ }

// Len is the number of keys, null values included.
func (o *Object) Len() int {
	if o == nil {
		return 0
	}
	return len(o.keys)
}

// All yields the keys with their values, in the order of the body. The object must
// not get or lose keys meanwhile.
func (o *Object) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if o == nil {
			return
		}
		for i, key := range o.keys {
			if !yield(key, o.values[i]) {
				return
			}
		}
	}
}

func (o *Object) find(key string) int {
	switch {
	case o == nil:
		return -1
	case o.index == nil:
		return slices.Index(o.keys, key)
	}
	if i, found := o.index[key]; found {
		return i
	}
	return -1
}

// Get returns the value at a path of keys. It is nil where a key is absent, or where
// something on the way is null or no object.
func (o *Object) Get(path ...string) any {
	last := len(path) - 1
	for _, key := range path[:last] {
		i := o.find(key)
		if i < 0 {
			return nil
		}
		o, _ = o.values[i].(*Object)
	}
	if i := o.find(path[last]); i >= 0 {
		return o.values[i]
	}
	return nil
}

// Object returns the object at a path, or nil.
func (o *Object) Object(path ...string) *Object { v, _ := o.Get(path...).(*Object); return v }

// String returns the string at a path, or "".
func (o *Object) String(path ...string) string { v, _ := o.Get(path...).(string); return v }

// Bool returns the boolean at a path, or false.
func (o *Object) Bool(path ...string) bool { v, _ := o.Get(path...).(bool); return v }

// List returns the list at a path, or nil.
func (o *Object) List(path ...string) []any { v, _ := o.Get(path...).([]any); return v }

// Strings returns the list of strings at a path, or nil.
func (o *Object) Strings(path ...string) (all []string) {
	for _, v := range o.List(path...) {
		s, _ := v.(string)
		all = append(all, s)
	}
	return all
}

// Int returns the whole number at a path, or 0.
func (o *Object) Int(path ...string) int64 {
	n, _ := o.Get(path...).(Number)
	i, _ := strconv.ParseInt(string(n), 10, 64)
	return i
}

// Set puts a value at a path, and makes the objects on the way that are absent or
// null. The value is one of those that an Object holds, or an int64 or a []string.
func (o *Object) Set(value any, path ...string) {
	switch v := value.(type) {
	case int64:
		value = Number(strconv.FormatInt(v, 10))
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		value = list
	}
	last := len(path) - 1
	for _, key := range path[:last] {
		next := o.Object(key)
		if next == nil {
			next = New(o.typ.child(key))
			o.put(key, next)
		}
		o = next
	}
	o.put(path[last], value)
}

// child is the type of the object at a key.
func (t *Type) child(key string) *Type {
	if t.kind == isMap {
		return t.of
	}
	return t.fields[t.byName[key]].Type
}

func (o *Object) put(key string, value any) {
	if i := o.find(key); i >= 0 {
		o.values[i] = value
		return
	}
	o.keys, o.values = append(o.keys, key), append(o.values, value)
	switch {
	case o.index != nil:
		o.index[key] = len(o.keys) - 1
	case len(o.keys) > smallObject:
		o.reindex()
	}
}

func (o *Object) reindex() {
	o.index = make(map[string]int, 2*len(o.keys))
	for i, key := range o.keys {
		o.index[key] = i
	}
}

// Delete removes the value at a path, if there is one.
func (o *Object) Delete(path ...string) {
	last := len(path) - 1
	if last > 0 {
		o = o.Object(path[:last]...)
	}
	i := o.find(path[last])
	if i < 0 {
		return
	}
	o.keys, o.values = slices.Delete(o.keys, i, i+1), slices.Delete(o.values, i, i+1)
	if o.index != nil {
		o.reindex()
	}
}

// Rename gives a key another name, as where a network's name becomes its id. It
// reports whether it did: a key that is there already is not replaced.
func (o *Object) Rename(from, to string) bool {
	i := o.find(from)
	if i < 0 || from != to && o.find(to) >= 0 {
		return false
	}
	o.keys[i] = to
	if o.index != nil {
		o.reindex()
	}
	return true
}

// Encode returns the object as JSON, without spaces. It is what is to be forwarded.
func (o *Object) Encode() []byte { return appendValue(make([]byte, 0, 4096), o) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case Number:
		return append(b, v...)
	case Raw:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, item)
		}
		return append(b, ']')
	case *Object:
		if v == nil {
			break
		}
		b = append(b, '{')
		for i, key := range v.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, key), ':')
			b = appendValue(b, v.values[i])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // unreachable: a string always marshals
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
