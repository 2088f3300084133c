package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// page is README.md or a page of docs/.
type page struct {
	name   string // as in docs/clients.md
	prose  []string
	blocks []block
}

// block is a piece of code between two lines of ```.
type block struct {
	language string // yaml, console, ...
	// comment is the HTML comment on the line before, which readers do not see. It
	// says how the tests run the block.
	comment string
	lines   []string
	line    int // of the first of the lines, in the page
}

func (b block) text() string { return strings.Join(b.lines, "\n") + "\n" }

// readPages returns README.md and the pages of docs/.
func readPages(t *testing.T) (all []page) {
	t.Helper()
	files, err := filepath.Glob(harness.File("docs/*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in docs/: %v", err)
	}
	for _, file := range append([]string{harness.File("README.md")}, files...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(harness.Root(), file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parsePage(name, string(text)))
	}
	return all
}

var comment = regexp.MustCompile(`^\s*<!-- (.*) -->$`)

func parsePage(name, text string) page {
	p := page{name: name}
	var open *block
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 2}
			if n := len(p.prose); n > 0 {
				if m := comment.FindStringSubmatch(p.prose[n-1]); m != nil {
					open.comment = m[1]
				}
			}
		case fence:
			p.blocks, open = append(p.blocks, *open), nil
			p.prose = append(p.prose, "")
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			p.prose = append(p.prose, line)
		}
	}
	return p
}

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	link       = regexp.MustCompile(`!?\[([^\]]*)\]\(([^)\s]+)\)`)
)

// anchors are the names that the headings of a page have in links.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, line := range p.prose {
		hashes, heading, found := strings.Cut(line, " ")
		if !found || hashes == "" || strings.Trim(hashes, "#") != "" {
			continue
		}
		heading = strings.ToLower(link.ReplaceAllString(heading, "$1"))
		heading = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(heading, "")
		all[strings.ReplaceAll(heading, " ", "-")] = true
	}
	return all
}
