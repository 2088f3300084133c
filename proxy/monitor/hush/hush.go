// Package hush turns the standard library's log off, to which nothing of
// postern's writes. The library of the metrics complains there while it is
// initialized, in every command, where cgroups have no pressure stall
// information (VictoriaMetrics/metrics, psiMetricsStart): a line on stderr above
// whatever people read or paste from there.
//
// It has to come first. Of packages whose imports are initialized Go takes the
// first by path, and that library imports net/http, which needs paths that come
// behind this one's. A test runs the image to see that it holds.
package hush

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
