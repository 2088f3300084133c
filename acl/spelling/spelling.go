// Package spelling finds the names that a misspelt one may have meant.
package spelling

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest returns the known name that is nearest to a misspelt one, or "" if none
// is near. A name of up to five letters may differ by one edit, a longer one by
// two. The first letter must be the same: HOST is not POST.
func Nearest(name string, known []string) string {
	best, distance := "", 3
	if len(name) <= 5 {
		distance = 2
	}
	for _, k := range known {
		if name == "" || k == "" || name[0] != k[0] {
			continue
		}
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// Resembling returns the three names that most resemble a wanted one. A name that
// contains it, in any case, comes before one that is merely near. A longer name is
// as near as its beginning is: traefik-swarm is nearly as near to trafik as traefik.
func Resembling(wanted string, names []string) []string {
	wanted = strings.ToLower(wanted)
	distance := func(name string) int {
		name = strings.ToLower(name)
		if strings.Contains(name, wanted) {
			return len(name) - 1000 // no name is that long
		}
		beginning := name[:min(len(name), len(wanted))]
		return min(editDistance(wanted, name), editDistance(wanted, beginning)+1)
	}
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return distance(a) - distance(b) })
	var best []string
	for _, name := range names {
		if len(best) < 3 && !slices.Contains(best, name) {
			best = append(best, name)
		}
	}
	return best
}

// Separator returns an error for an item of a list that has another separator in it
// than a comma, and else nil. It is for items in which no blank and no semicolon can be.
func Separator(item string) error {
	if parts := strings.FieldsFunc(item, func(r rune) bool { return strings.ContainsRune("; \t\r\n|", r) }); len(parts) > 1 {
		return fmt.Errorf("want a comma between two: %s", strings.Join(parts, ","))
	}
	return nil
}

// editDistance counts the letters to insert, delete, replace or swap with
// their neighbour that make b of a.
func editDistance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = slices.Min([]int{row[j] + 1, next[j-1] + 1, row[j-1] + cost})
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
