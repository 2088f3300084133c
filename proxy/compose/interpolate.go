package compose

import "strings"

// evaluate returns the value that docker compose would give a text, with the
// variables of the shell unset: ${A:-b} is b and $$ is $. known is false if a
// variable without a default is in it, which then is empty.
func evaluate(text string) (value string, known bool) {
	var b strings.Builder
	known = true
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), known
		}
		switch {
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
		case strings.HasPrefix(rest, "{"):
			end := closing(rest)
			if end < 0 {
				b.WriteString("$" + rest)
				return b.String(), known
			}
			inner, ok := byDefault(rest[1:end])
			b.WriteString(inner)
			known, text = known && ok, rest[end+1:]
		default:
			name := rest[:len(rest)-len(strings.TrimLeft(rest, nameCharacters))]
			if name == "" {
				b.WriteByte('$')
			}
			known, text = known && name == "", rest[len(name):]
		}
	}
}

const nameCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789"

// closing is the index of the brace that closes the one at the text's start, or -1.
func closing(text string) int {
	depth := 0
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// byDefault evaluates what is inside the braces of ${...}.
func byDefault(inner string) (value string, known bool) {
	operator := strings.TrimLeft(inner, nameCharacters)
	for _, prefix := range []string{":-", "-"} {
		if text, found := strings.CutPrefix(operator, prefix); found {
			return evaluate(text)
		}
	}
	// ${VAR:+text} is empty without VAR, which is as good as a default.
	return "", strings.HasPrefix(strings.TrimPrefix(operator, ":"), "+")
}
