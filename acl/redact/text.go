package redact

import (
	"bytes"
	"unicode/utf8"
)

// text is the key or the text that is being read.
type text struct {
	rule  *rule // nil for a text that stays
	isKey bool
	// looked is what the rule, or the lookup of a key, looks at, decoded. overflow
	// means that it is longer than maxName.
	looked   []byte
	overflow bool
	divided  bool // the separator was found
	hidden   bool // what follows is not copied
	escape   int  // bytes of an escape that were read
	unit     rune // the UTF-16 unit of an escape \u
}

// begin begins a key or the text at a node, nil for one that is of no interest.
func (t *text) begin(n *node, isKey bool) {
	t.rule, t.isKey, t.looked = nil, isKey, t.looked[:0]
	t.overflow, t.divided, t.hidden = false, false, false
	if n != nil {
		t.rule = n.rule
		t.hidden = t.rule.separator == 0 && !t.rule.finds
	}
}

// dividesAt reports whether a byte divides the text.
func (t *text) dividesAt(c byte) bool {
	return t.rule != nil && t.rule.separator == c && !t.divided
}

// look adds to what the rule looks at.
func (t *text) look(b ...byte) {
	switch {
	case t.rule == nil && !t.isKey, t.hidden && t.divided:
	case len(t.looked)+len(b) > maxName:
		t.overflow = true
	default:
		t.looked = append(t.looked, b...)
	}
}

// plain returns how many bytes at the beginning of src stand for themselves in a text.
// The separator that divides it ends them.
func (f *Filter) plain(src []byte) int {
	if f.expects != inText || f.text.escape > 0 {
		return 0
	}
	if r := f.text.rule; r != nil && r.separator != 0 && !f.text.divided {
		if i := bytes.IndexByte(src, r.separator); i >= 0 {
			src = src[:i]
		}
	}
	for i, c := range src {
		if special[c] {
			return i
		}
	}
	return len(src)
}

// special are the bytes that do not stand for themselves in a text.
var special = func() (s [256]bool) {
	for c := range byte(' ') {
		s[c] = true
	}
	s['"'], s['\\'] = true, true
	return s
}()

// run reads bytes that stand for themselves.
func (f *Filter) run(dst, b []byte) []byte {
	f.text.look(b...)
	return f.copied(dst, b...)
}

// copied appends bytes of a text, unless they are hidden or belong to what is dropped.
func (f *Filter) copied(dst []byte, b ...byte) []byte {
	if f.text.hidden || f.dropped > 0 {
		return dst
	}
	return append(dst, b...)
}

// textStep reads a byte of a text that plain does not count.
func (f *Filter) textStep(dst []byte, c byte) ([]byte, error) {
	t := &f.text
	switch {
	case t.escape > 0 || c == '\\':
		return f.escapeStep(dst, c)
	case c == '"':
		return f.endText(dst)
	case c < ' ':
		return dst, errSyntax
	}
	return f.divide(f.copied(dst, c)), nil
}

// escapeStep reads a byte of an escape.
func (f *Filter) escapeStep(dst []byte, c byte) ([]byte, error) {
	t := &f.text
	dst = f.copied(dst, c)
	t.escape++
	var decoded rune
	switch digit := hex(c); {
	case t.escape == 1: // the backslash
		return dst, nil
	case t.escape == 2 && c == 'u':
		t.unit = 0
		return dst, nil
	case t.escape == 2:
		if decoded = simple(c); decoded == 0 {
			return dst, errSyntax
		}
	case digit < 0:
		return dst, errSyntax
	default:
		if t.unit = t.unit<<4 | digit; t.escape < len(`\u0000`) {
			return dst, nil
		}
		decoded = t.unit
	}
	t.escape = 0
	if decoded < utf8.RuneSelf && decoded != 0 && t.dividesAt(byte(decoded)) {
		return f.divide(dst), nil
	}
	// Half of a surrogate pair is in no name that anything is compared with.
	var b [utf8.UTFMax]byte
	t.look(utf8.AppendRune(b[:0], decoded)...)
	return dst, nil
}

// divide notes that the separator was read and copied.
func (f *Filter) divide(dst []byte) []byte {
	t := &f.text
	t.divided = true
	if t.rule.finds {
		t.looked, t.overflow = t.looked[:0], false
		return dst
	}
	stays := t.rule.longStays
	if !t.overflow {
		stays = t.rule.keeps(f.redaction, string(t.looked))
	}
	if !stays {
		dst = f.copied(dst, []byte(t.rule.mark)...)
		t.hidden = true
	}
	return dst
}

// endText reads the end of a key or a text.
func (f *Filter) endText(dst []byte) ([]byte, error) {
	t := &f.text
	if t.isKey {
		f.endKey()
		return f.put(dst, '"'), nil
	}
	switch r := t.rule; {
	case r == nil, r.separator != 0 && !r.finds:
	case !r.finds && !t.overflow && r.keeps(f.redaction, string(t.looked)):
		dst = append(dst, t.looked...)
	case !r.finds:
		dst = append(dst, r.mark...)
	case t.divided == (r.separator != 0) && !t.overflow && string(t.looked) == Mark:
		return dst, ErrMarked
	}
	dst = f.put(dst, '"')
	f.endValue()
	return dst, nil
}

// simple returns what an escape of one character stands for, 0 if there is no such
// escape.
func simple(c byte) rune {
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// hex returns the value of a hexadecimal digit, or a negative number.
func hex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}
