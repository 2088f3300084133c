package body

import (
	"strings"
	"unicode"
)

// Type is the type of a JSON value. Make one with [Struct], [List] or [Map], or use
// [Bool], [Int], [String] or [Any].
type Type struct {
	kind kind
	of   *Type // the elements of a list, or the values of a map
	// fields, byName and byFold are a struct's. The two maps hold indexes in fields,
	// by the field's name and by its folded name.
	fields         []Field
	byName, byFold map[string]int
	// elsewhere has fields that some engines read also in this struct. Such a key is
	// never kept.
	elsewhere *Type
}

// Field is a field of a struct, by the name that the engine writes.
type Field struct {
	Name string
	Type *Type
}

type kind int

const (
	isAny kind = iota
	isBool
	isInt
	isString
	isList
	isMap
	isStruct
)

// String is the type in the words of an error.
func (k kind) String() string {
	return [...]string{"a value", "true or false", "a whole number", "a string", "a list", "an object", "an object"}[k]
}

// The types without parts. A value of [Any] is kept as it was written, as a [Raw].
var (
	Any    = &Type{kind: isAny}
	Bool   = &Type{kind: isBool}
	Int    = &Type{kind: isInt}
	String = &Type{kind: isString}
)

// List is a list whose elements are all of one type.
func List(of *Type) *Type { return &Type{kind: isList, of: of} }

// Map is an object with keys of the client's choice. The engine tells their cases
// apart.
func Map(of *Type) *Type { return &Type{kind: isMap, of: of} }

// Struct is an object with known fields. Two fields must not differ by case alone.
func Struct(fields ...Field) *Type {
	t := &Type{kind: isStruct, fields: fields, byName: map[string]int{}, byFold: map[string]int{}}
	for i, f := range fields {
		if _, twice := t.byFold[fold(f.Name)]; twice {
			panic("body: two fields called " + f.Name)
		}
		t.byName[f.Name], t.byFold[fold(f.Name)] = i, i
	}
	return t
}

// Fields lists the fields of a struct. It is empty for every other type.
func (t *Type) Fields() []Field { return t.fields }

// Elem is the type of a list's elements or of a map's values. It is nil for every other
// type.
func (t *Type) Elem() *Type { return t.of }

// IsStruct reports whether the type is an object with known fields.
func (t *Type) IsStruct() bool { return t.kind == isStruct }

// IsMap reports whether the type is an object with keys of the client's choice.
func (t *Type) IsMap() bool { return t.kind == isMap }

// IsList reports whether the type is a list.
func (t *Type) IsList() bool { return t.kind == isList }

// field returns the index of the field that encoding/json would decode a key into, or
// -1.
func (t *Type) field(key string) int {
	if i, found := t.byName[key]; found {
		return i
	}
	if i, found := t.byFold[fold(key)]; found {
		return i
	}
	return -1
}

// fold returns a form that is the same for all strings that encoding/json takes for
// one key: each letter is the smallest of those that differ from it by case. It is
// bytes.EqualFold's rule, which all versions of encoding/json follow or narrow.
func fold(s string) string { return strings.Map(foldRune, s) }

func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
