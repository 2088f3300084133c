package redact

import "errors"

// Filter copies the JSON of one response and redacts it on the way, piece by piece.
// It holds the nesting of the JSON and at most maxName bytes of a text, however long
// the response is. Make it with [Redaction.Response] or [Redaction.Request].
type Filter struct {
	redaction Redaction
	root      *node
	stream    bool // one value follows the other

	expects expectation
	next    *node   // of the value that is expected, nil for one that is of no interest
	open    []frame // objects and lists that have begun, outermost first
	dropped int     // what is open at the end of the value that is dropped, plus 1
	scalar  scalar
	text    text
}

// frame is an object or a list that has begun.
type frame struct {
	*node
	isObject bool
}

// maxDepth is how deep JSON may be nested, as in encoding/json.
const maxDepth = 10000

// The errors quote nothing of the response: they go into the log.
var (
	errSyntax   = errors.New("it is not valid JSON")
	errSchema   = errors.New("a field is not of the type that the API reference gives it")
	errDepth    = errors.New("its JSON is nested too deep")
	errBrokeOff = errors.New("its JSON is not complete")
	// ErrMarked means that a client wants Mark itself for a value.
	ErrMarked = errors.New("a value is " + Mark)
)

// expectation is what the JSON has to go on with.
type expectation uint8

const (
	aValue expectation = iota
	aValueOrEnd
	aKey
	aKeyOrEnd
	aColon
	aCommaOrEnd
	nothing
	inScalar // within a number, true, false or null
	inText
)

// Response returns the filter of an operation's response. It is nil for one that has
// nothing to redact.
func (r Redaction) Response(id string) *Filter {
	return newFilter(r, compile(fields, id, r.Kinds), has(streams, id))
}

// Failure returns the filter of an operation's errors. It is nil for one whose errors have
// nothing to redact.
func (r Redaction) Failure(id string) *Filter {
	return newFilter(r, compile(failures, id, r.Kinds), false)
}

// Request returns a filter that ends with ErrMarked if the body of an operation's
// request has Mark for an environment variable's value, or in a command line if these
// are redacted. It is nil for an operation whose request has neither.
func (r Redaction) Request(id string) *Filter {
	return newFilter(r, compile(bodies, id, r.Kinds), false)
}

func newFilter(r Redaction, root *node, stream bool) *Filter {
	if root == nil {
		return nil
	}
	return &Filter{redaction: r, root: root, stream: stream, next: root}
}

// Append filters the next piece of the response and appends to dst what can be passed
// on of it. After an error nothing more may be passed on.
func (f *Filter) Append(dst, src []byte) ([]byte, error) {
	for len(src) > 0 {
		if n := f.plain(src); n > 0 {
			dst = f.run(dst, src[:n])
			src = src[n:]
			continue
		}
		var err error
		if dst, err = f.step(dst, src[0]); err != nil {
			return dst, err
		}
		src = src[1:]
	}
	return dst, nil
}

// End returns an error if the response is not complete.
func (f *Filter) End() error {
	complete := f.expects == nothing || f.expects == aValue && f.stream && len(f.open) == 0
	if f.expects == inScalar && len(f.open) == 0 {
		complete = f.scalar.complete()
	}
	if !complete {
		return errBrokeOff
	}
	return nil
}

// put appends a byte that is outside every text, unless it belongs to what is dropped.
func (f *Filter) put(dst []byte, c byte) []byte {
	if f.dropped > 0 {
		return dst
	}
	return append(dst, c)
}

// step reads one byte.
func (f *Filter) step(dst []byte, c byte) ([]byte, error) {
	switch f.expects {
	case inText:
		return f.textStep(dst, c)
	case inScalar:
		if f.scalar.step(c) {
			return f.put(dst, c), nil
		}
		if !f.scalar.complete() {
			return dst, errSyntax
		}
		f.endValue()
	}
	switch {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		return f.put(dst, c), nil
	case c == recordSeparator && f.stream && len(f.open) == 0:
		f.expects, f.next = aValue, f.root
		return f.put(dst, c), nil
	}
	if f.stream && f.expects == nothing {
		f.expects, f.next = aValue, f.root
	}
	switch f.expects {
	case aValue, aValueOrEnd:
		if c == ']' && f.expects == aValueOrEnd {
			return f.close(dst, c)
		}
		return f.value(dst, c)
	case aKey, aKeyOrEnd:
		if c == '}' && f.expects == aKeyOrEnd {
			return f.close(dst, c)
		}
		if c != '"' {
			return dst, errSyntax
		}
		f.expects = inText
		f.text.begin(nil, true)
		return f.put(dst, c), nil
	case aColon:
		if c != ':' {
			return dst, errSyntax
		}
		f.expects = aValue
		return f.put(dst, c), nil
	case aCommaOrEnd:
		if c != ',' {
			return f.close(dst, c)
		}
		top := f.open[len(f.open)-1]
		f.expects, f.next = aValue, nil
		if top.isObject {
			f.expects = aKey
		} else if top.node != nil {
			f.next = top.item
		}
		return f.put(dst, c), nil
	}
	return dst, errSyntax // after the end
}

// recordSeparator stands in front of each value of a stream of the type
// application/json-seq, see RFC 7464.
const recordSeparator = 0x1e

// value reads the first byte of a value.
func (f *Filter) value(dst []byte, c byte) ([]byte, error) {
	n := f.next
	if n != nil && n.rule == drop {
		dst = append(dst, "null"...)
		f.dropped, n = len(f.open)+1, nil
	}
	switch c {
	case '{', '[':
		isObject := c == '{'
		if n != nil && (isObject && n.fields == nil || !isObject && n.item == nil) {
			return dst, errSchema
		}
		if len(f.open) == maxDepth {
			return dst, errDepth
		}
		f.open = append(f.open, frame{n, isObject})
		f.expects, f.next = aValueOrEnd, nil
		if isObject {
			f.expects = aKeyOrEnd
		} else if n != nil {
			f.next = n.item
		}
		return f.put(dst, c), nil
	case '"':
		if n != nil && n.rule == nil {
			return dst, errSchema
		}
		f.expects = inText
		f.text.begin(n, false)
		return f.put(dst, c), nil
	}
	if !f.scalar.begin(c) {
		return dst, errSyntax
	}
	if n != nil && c != 'n' {
		return dst, errSchema
	}
	f.expects = inScalar
	return f.put(dst, c), nil
}

// close reads the end of an object or a list.
func (f *Filter) close(dst []byte, c byte) ([]byte, error) {
	top := f.open[len(f.open)-1]
	if top.isObject && c != '}' || !top.isObject && c != ']' {
		return dst, errSyntax
	}
	dst = f.put(dst, c)
	f.open = f.open[:len(f.open)-1]
	f.endValue()
	return dst, nil
}

// endValue notes the end of a value.
func (f *Filter) endValue() {
	f.expects = aCommaOrEnd
	if len(f.open) == 0 {
		f.expects = nothing
	}
	if f.dropped == len(f.open)+1 {
		f.dropped = 0
	}
}

// endKey notes the end of a key.
func (f *Filter) endKey() {
	f.expects, f.next = aColon, nil
	if top := f.open[len(f.open)-1]; top.node != nil && !f.text.overflow {
		f.next = top.field(f.text.looked)
	}
}
