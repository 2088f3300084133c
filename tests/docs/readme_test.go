package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// What README.md may have. A page of docs/ may have sentences of 40 words.
const (
	maxLines         = 200
	maxBytes         = 12 << 10
	maxSentenceWords = 30
	maxWordsInDocs   = 40
)

// TestREADMEIsShort asserts that README stays what a person reads in one go.
func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(harness.File("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > maxLines || len(text) > maxBytes {
		t.Errorf("README.md has %d lines and %d bytes, want at most %d and %d", lines, len(text), maxLines, maxBytes)
	}
}

// TestSentencesAreShort asserts it of README and of the pages in docs/.
func TestSentencesAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range readPages(t) {
		limit := maxWordsInDocs
		if p.name == "README.md" {
			limit = maxSentenceWords
		}
		for _, s := range sentences(p) {
			if words := strings.Fields(s); len(words) > limit {
				t.Errorf("%s: a sentence of %d words, want at most %d: %s", p.name, len(words), limit, s)
			}
		}
	}
}

var (
	// A paragraph ends at an empty line; so does what stands in a heading, in an
	// item of a list and in a cell of a table.
	paragraphEnd = regexp.MustCompile(`^\s*($|#|[-*] |\d+\. |\||<)`)
	sentenceEnd  = regexp.MustCompile(`[.!?]["')*]*(\s|$)`)
)

// sentences splits what a page says in words. Inline code counts as one word.
func sentences(p page) (all []string) {
	var paragraphs []string
	generated := false
	for _, line := range p.prose {
		if m := comment.FindStringSubmatch(line); m != nil {
			generated = m[1] != "end" && p.name != "README.md"
		}
		if generated {
			continue // a table of names
		}
		line = inlineCode.ReplaceAllString(link.ReplaceAllString(line, "$1"), "code")
		if paragraphEnd.MatchString(line) || len(paragraphs) == 0 {
			paragraphs = append(paragraphs, strings.Split(strings.Trim(line, "|"), "|")...)
		} else {
			paragraphs[len(paragraphs)-1] += " " + line
		}
	}
	for _, paragraph := range paragraphs {
		all = append(all, sentenceEnd.Split(paragraph, -1)...)
	}
	return all
}

// TestSentencesAreFound shows that the test above would see a long sentence.
func TestSentencesAreFound(t *testing.T) {
	t.Parallel()
	p := parsePage("x.md", "# A title\nOne sentence\nin two lines. Another `with code in it`!\n\n- an item\n\n| a cell | and [a link](x.md) |\n\n```console\n$ no sentence\n```\n")
	want := "# A title One sentence in two lines|Another code|- an item|a cell|and a link"
	var got []string
	for _, s := range sentences(p) {
		if strings.TrimSpace(s) != "" {
			got = append(got, strings.TrimSpace(s))
		}
	}
	if strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}
