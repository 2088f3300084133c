package redact

import "strings"

// scalar is the number, true, false or null that is being read.
type scalar struct {
	rest   string // of a word
	number byte   // where in a number the last byte was, 0 for a word
}

// Places in a number: after the sign, a leading 0, the digits, the point, digits
// behind it, the e, the sign behind it, digits behind that.
const (
	afterSign = iota + 1
	afterZero
	inDigits
	afterPoint
	inFraction
	afterE
	afterESign
	inExponent
)

// begin reads the first byte. It reports whether a value can begin with it.
func (s *scalar) begin(c byte) bool {
	for _, word := range []string{"true", "false", "null"} {
		if c == word[0] {
			*s = scalar{rest: word[1:]}
			return true
		}
	}
	*s = scalar{}
	switch {
	case c == '-':
		s.number = afterSign
	case c == '0':
		s.number = afterZero
	case '1' <= c && c <= '9':
		s.number = inDigits
	}
	return s.number != 0
}

// step reads a further byte. It reports whether the byte belongs to the value.
func (s *scalar) step(c byte) bool {
	if s.number == 0 {
		var ok bool
		s.rest, ok = strings.CutPrefix(s.rest, string(rune(c)))
		return ok
	}
	next := byte(0)
	switch digit := '0' <= c && c <= '9'; {
	case s.number == afterSign && c == '0':
		next = afterZero
	case digit && (s.number == afterSign || s.number == inDigits):
		next = inDigits
	case digit && (s.number == afterPoint || s.number == inFraction):
		next = inFraction
	case digit && s.number >= afterE:
		next = inExponent
	case c == '.' && (s.number == afterZero || s.number == inDigits):
		next = afterPoint
	case (c == 'e' || c == 'E') && (s.number == afterZero || s.number == inDigits || s.number == inFraction):
		next = afterE
	case (c == '-' || c == '+') && s.number == afterE:
		next = afterESign
	}
	if next == 0 {
		return false
	}
	s.number = next
	return true
}

// complete reports whether the value may end here.
func (s *scalar) complete() bool {
	switch s.number {
	case 0:
		return s.rest == ""
	case afterZero, inDigits, inFraction, inExponent:
		return true
	}
	return false
}
