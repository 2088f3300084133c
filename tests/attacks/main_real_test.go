//go:build real

// Package attacks tries to get power over the host, or over the containers of
// others, through requests that a guarded client may send. The engine's inspect
// says whether it succeeded, never postern's own tables.
package attacks

import (
	"testing"

	"postern/tests/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
