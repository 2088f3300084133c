package compose

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"postern/acl"
)

// postern is the name of the image that takes the old one's place.
const postern = "postern"

// width is where comments are broken, in characters.
const width = 110

// write writes what differs as comments, and the services.
func write(w io.Writer, proxies []*proxy) error {
	var b bytes.Buffer
	services := &yaml.Node{Kind: yaml.MappingNode}
	b.WriteString("# Put these services in place of those of the same names; the rest of the compose file stays as it is.\n#\n")
	for _, p := range proxies {
		p.writeLines(&b)
		services.Content = append(services.Content, scalar(p.name), p.block())
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	file := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("services"), services}}
	if err := encoder.Encode(file); err != nil {
		return fmt.Errorf("cannot write the block: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeLines writes the service's lines, in the order of kinds.
func (p *proxy) writeLines(b *bytes.Buffer) {
	old, now := p.counts()
	fmt.Fprintf(b, "# %s: postern for %s\n", printable(p.name), p.image.name)
	fmt.Fprintf(b, "# The old image allows %d of %d operations, postern %d.\n", old, p.total(), now)
	for _, k := range kinds {
		for _, l := range p.lines {
			if l.kind == k {
				wrap(b, fmt.Sprintf("# %-9s ", k), l.text)
			}
		}
	}
	b.WriteString("#\n")
}

// total is the number of operations that are compared.
func (p *proxy) total() int {
	ids := map[string]bool{}
	for _, op := range p.operations() {
		ids[op.ID] = true
	}
	return len(ids)
}

// wrap writes a text in lines, of which all but the first are indented.
func wrap(b *bytes.Buffer, head, text string) {
	line := head
	for i, word := range strings.Fields(printable(text)) {
		switch {
		case i == 0:
			line += word
		case len(line)+1+len(word) > width:
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = "#" + strings.Repeat(" ", len(head)-1) + word
		default:
			line += " " + word
		}
	}
	b.WriteString(line + "\n")
}

// printable is a text of the file's in which nothing ends a line or controls a
// terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s, Tag: "!!str"} }

// block is the new service: the old one's keys in their order, with those replaced
// that have another value.
func (p *proxy) block() *yaml.Node {
	block := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		if value != nil {
			block.Content = append(block.Content, scalar(key), value)
		}
	}
	environment := p.environmentNode()
	written := map[string]bool{}
	for pair := range slices.Chunk(p.node.Content, 2) {
		key := pair[0].Value
		written[key] = true
		switch r := p.replaced[key]; {
		case key == "image":
			add(key, scalar(postern))
			if value(p.node, "environment") == nil {
				add("environment", environment)
			}
		case key == "environment":
			add(key, environment)
		case r != nil:
			add(key, r.value)
		default:
			add(key, pair[1])
		}
	}
	if r := p.replaced["cap_add"]; r != nil && !written["cap_add"] {
		add("cap_add", r.value)
	}
	return block
}

// environmentNode is nil if there are no variables.
func (p *proxy) environmentNode() *yaml.Node {
	if len(p.env) == 0 {
		return nil
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range p.env {
		v := &yaml.Node{Kind: yaml.ScalarNode, Value: s.raw, LineComment: printable(s.note)}
		if strings.Trim(s.raw, "0123456789") != "" || s.raw == "" || len(s.raw) > 1 && s.raw[0] == '0' {
			v.Tag = "!!str"
			if _, err := acl.ParseBool(s.raw); err == nil { // other readers of YAML take yes for a Boolean
				v.Style = yaml.DoubleQuotedStyle
			}
		}
		if !s.known && s.raw == "" { // the shell's
			v = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
		}
		m.Content = append(m.Content, scalar(s.name), v)
	}
	return m
}
