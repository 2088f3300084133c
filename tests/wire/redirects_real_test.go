//go:build real

package wire

import (
	"testing"

	"postern/tests/internal/harness"
)

// TestRedirectsMatchTheEngine compares with the real engine.
func TestRedirectsMatchTheEngine(t *testing.T) {
	t.Parallel()
	harness.NeedDocker(t)
	checkRedirects(t, harness.EngineSocket)
}
