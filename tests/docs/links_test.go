package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// TestLinksResolve asserts that a relative link leads to a file of the project and,
// behind #, to a heading of it.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	pages := map[string]page{}
	for _, p := range readPages(t) {
		pages[p.name] = p
	}
	checked := 0
	for _, p := range pages {
		for _, line := range p.prose {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.HasPrefix(m[2], "https://") {
					continue
				}
				checked++
				file, anchor, hasAnchor := strings.Cut(m[2], "#")
				target := p.name
				if file != "" {
					target = filepath.Join(filepath.Dir(p.name), file)
				}
				if _, err := os.Stat(harness.File(target)); err != nil {
					t.Errorf("%s links to %s: %v", p.name, m[2], err)
				} else if hasAnchor && !pages[target].anchors()[anchor] {
					t.Errorf("%s links to %s: no such heading in %s", p.name, m[2], target)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("%d relative links were found, want more", checked)
	}
}

// TestEveryPageIsLinked asserts that README leads to every page of docs/.
func TestEveryPageIsLinked(t *testing.T) {
	t.Parallel()
	pages := readPages(t)
	linked := map[string]bool{}
	for _, line := range pages[0].prose {
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			file, _, _ := strings.Cut(m[2], "#")
			linked[file] = true
		}
	}
	for _, p := range pages[1:] {
		if !linked[p.name] {
			t.Errorf("README.md has no link to %s", p.name)
		}
	}
}

// TestOnePlaceNamesTheRegistry asserts that the image's name in a registry stands in
// one place, which a release fills in.
func TestOnePlaceNamesTheRegistry(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range readPages(t) {
		text, err := os.ReadFile(harness.File(p.name))
		if err != nil {
			t.Fatal(err)
		}
		found += strings.Count(string(text), "ghcr.io/OWNER/")
	}
	if found != 1 {
		t.Errorf("README and docs/ name ghcr.io/OWNER %d times, want once", found)
	}
}
