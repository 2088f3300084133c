package compose

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxFile is in bytes. The longest public compose files have some 100 KiB.
	MaxFile = 1 << 20
	// maxNodes and maxDepth limit what anchors may expand to.
	maxNodes = 200_000
	maxDepth = 64
	// maxProxies, maxWords and maxRule limit the time that the comparison takes:
	// the proxies in a file, the variables and arguments of one, and the characters
	// of a regular expression.
	maxProxies = 20
	maxWords   = 400
	maxRule    = 1000
)

// service is a service of a compose file, without anchors and merge keys.
type service struct {
	name string
	node *yaml.Node
}

// readServices parses a compose file.
func readServices(text []byte) ([]service, error) {
	switch {
	case len(text) > MaxFile:
		return nil, fmt.Errorf("stdin has more than %d KiB: want a compose file", MaxFile>>10)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("nothing on stdin: want a compose file, as in docker run --rm -i postern check < docker-compose.yml (-i is what passes stdin on)")
	case bytes.IndexByte(text, 0) >= 0:
		return nil, errors.New("stdin is binary: want a compose file, in UTF-8")
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("stdin is not YAML: %s", oneLine(err, text))
	}
	var e expander
	root := e.expand(&file, 0)
	if e.err != nil {
		return nil, e.err
	}
	if root == nil || root.Kind != yaml.MappingNode {
		return nil, errors.New("stdin is no compose file: want services: with a service for each name")
	}
	all := value(root, "services")
	if all == nil || all.Kind != yaml.MappingNode || len(all.Content) == 0 {
		return nil, errors.New("the file has no services: want services: with a service for each name (files of version 1 have none; docker compose config prints what compose reads)")
	}
	var services []service
	for pair := range slices.Chunk(all.Content, 2) {
		if pair[1].Kind == yaml.MappingNode {
			services = append(services, service{pair[0].Value, pair[1]})
		}
	}
	return services, nil
}

// oneLine is the text of a YAML error on one line.
func oneLine(err error, text []byte) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	if strings.Contains(line, "cannot start any token") && bytes.Contains(text, []byte("\n\t")) {
		line += "; YAML is indented by spaces, not by tabs"
	}
	return line
}

// expander copies a tree of nodes without aliases and merge keys.
type expander struct {
	nodes int
	err   error
}

func (e *expander) expand(n *yaml.Node, depth int) *yaml.Node {
	if e.nodes++; e.err == nil && (e.nodes > maxNodes || depth > maxDepth) {
		e.err = errors.New("the anchors in the file expand to too much: want a compose file")
	}
	switch {
	case e.err != nil:
		return nil
	case n.Kind == yaml.DocumentNode:
		return e.expand(n.Content[0], depth+1)
	case n.Kind == yaml.AliasNode:
		return e.expand(n.Alias, depth+1)
	case n.Kind == yaml.MappingNode:
		return e.mapping(n, depth)
	}
	c := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style}
	for _, child := range n.Content {
		c.Content = append(c.Content, e.expand(child, depth+1))
	}
	return c
}

// mapping expands a mapping. Its own keys come first, then those of what it merges.
func (e *expander) mapping(n *yaml.Node, depth int) *yaml.Node {
	c := &yaml.Node{Kind: yaml.MappingNode, Tag: n.Tag}
	var merged []*yaml.Node
	keys := map[string]bool{}
	for pair := range slices.Chunk(n.Content, 2) {
		key, v := e.expand(pair[0], depth+1), e.expand(pair[1], depth+1)
		switch {
		case e.err != nil:
			return nil
		case pair[0].ShortTag() == "!!merge" && v.Kind == yaml.SequenceNode:
			merged = append(merged, v.Content...)
		case pair[0].ShortTag() == "!!merge":
			merged = append(merged, v)
		case key.Kind != yaml.ScalarNode:
			e.err = fmt.Errorf("stdin is no compose file: the key in line %d is no text", pair[0].Line)
		case keys[key.Value]:
			e.err = fmt.Errorf("stdin is no compose file: the key %.100q in line %d is there already", key.Value, pair[0].Line)
		default:
			keys[key.Value] = true
			c.Content = append(c.Content, key, v)
		}
	}
	for _, m := range merged {
		if m.Kind != yaml.MappingNode {
			e.err = fmt.Errorf("the file merges what is no mapping in line %d", n.Line)
			return nil
		}
		for pair := range slices.Chunk(m.Content, 2) {
			if !keys[pair[0].Value] {
				keys[pair[0].Value] = true
				c.Content = append(c.Content, pair...)
			}
		}
	}
	return c
}

// value returns the value of a key of a mapping, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for pair := range slices.Chunk(mapping.Content, 2) {
		if pair[0].Value == key {
			return pair[1]
		}
	}
	return nil
}

// text returns the evaluated value of a scalar, "" for anything else.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	v, _ := evaluate(n.Value)
	return v
}

// texts returns the evaluated scalars anywhere in a value, keys left out.
func texts(n *yaml.Node) (all []string) {
	switch {
	case n == nil:
	case n.Kind == yaml.ScalarNode:
		all = append(all, text(n))
	case n.Kind == yaml.SequenceNode:
		for _, child := range n.Content {
			all = append(all, texts(child)...)
		}
	case n.Kind == yaml.MappingNode:
		for pair := range slices.Chunk(n.Content, 2) {
			all = append(all, texts(pair[1])...)
		}
	}
	return all
}

// environment returns the variables of a service, written as a map or as a list.
func (s service) environment() (all []setting) {
	places := map[string]int{}
	add := func(name, raw string, isSet bool) {
		v, known := evaluate(raw)
		s := setting{name: name, raw: raw, value: v, known: known && isSet}
		if i, again := places[name]; again {
			all[i] = s
			return
		}
		places[name] = len(all)
		all = append(all, s)
	}
	n := value(s.node, "environment")
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for pair := range slices.Chunk(n.Content, 2) {
			if pair[1].ShortTag() == "!!null" {
				add(pair[0].Value, "", false)
			} else {
				add(pair[0].Value, pair[1].Value, true)
			}
		}
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			name, raw, isSet := strings.Cut(item.Value, "=")
			add(strings.TrimSpace(name), raw, isSet)
		}
	}
	return all
}
