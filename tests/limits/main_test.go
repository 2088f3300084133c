package limits

import (
	"testing"

	"postern/tests/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
