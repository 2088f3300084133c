package body

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Query reads the query of a request so that the engine cannot read it otherwise.
// Engines take the first of two values, and engines built with Go before 1.17 also
// split at a semicolon. Only the keys in lists may be repeated: the engine reads all
// their values.
func Query(raw string, lists ...string) (url.Values, error) {
	if strings.Contains(raw, ";") {
		return nil, errors.New("the query has a semicolon: write it as %3B")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query is malformed")
	}
	for key, all := range values {
		if len(all) > 1 && !slices.Contains(lists, key) {
			return nil, fmt.Errorf("the query has %.40q twice", key)
		}
	}
	return values, nil
}

// CheckHeaders refuses the headers that make an engine read a body in another way: a
// form's values come before those of the query, those of a form of several parts, such as
// networkmode in a build, take the place of what the query lacks, and a Content-Encoding is
// for whoever understands it. Call it for every request with a body.
func CheckHeaders(contentType, contentEncoding string) error {
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); {
	case media == "application/x-www-form-urlencoded", strings.HasPrefix(media, "multipart/"):
		return errors.New("the body is a form: the engine would read it in place of the query")
	case contentEncoding != "" && !strings.EqualFold(contentEncoding, "identity"):
		return fmt.Errorf("the body has Content-Encoding %.40q: want none", contentEncoding)
	}
	return nil
}
