package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// patternFiles are the variables that name a file with more patterns for the
// variable without _FILE.
var patternFiles = []string{"ALLOW_FILE", "DENY_FILE"}

// withPatternFiles returns the environment with the patterns of ALLOW_FILE and
// DENY_FILE appended to ALLOW and DENY. All four names begin with prefix.
func withPatternFiles(prefix string, environ map[string]string) (all map[string]string, errs []error) {
	all = maps.Clone(environ)
	for _, variable := range patternFiles {
		variable = prefix + variable
		file := environ[variable]
		if file == "" || prefix == "" && !filepath.IsAbs(file) {
			continue // not set; or Config's own field has reported it
		}
		patterns, err := readPatterns(variable, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all[strings.TrimSuffix(variable, "_FILE")] += patterns
	}
	return all, errs
}

// readPatterns returns the lines of a file without their comments, each with a
// comma before it.
func readPatterns(variable, file string) (string, error) {
	var path Path
	if err := path.UnmarshalText([]byte(file)); err != nil {
		return "", fmt.Errorf("invalid %s=%q: %w", variable, file, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read %s=%q: %w", variable, file, errors.Unwrap(err))
	}
	var patterns strings.Builder
	for line := range strings.Lines(string(text)) {
		pattern, _, _ := strings.Cut(line, "#")
		patterns.WriteString("," + strings.TrimSpace(pattern))
	}
	return patterns.String(), nil
}
