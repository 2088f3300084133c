//go:build real

package wire

import (
	"testing"

	"postern/tests/internal/harness"
)

// TestUncleanPathsOnEngine compares with the real engine.
func TestUncleanPathsOnEngine(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	checkRedirects(t, harness.EngineSocket)
}
