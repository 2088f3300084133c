//go:build real

package image

import (
	"testing"

	"postern/tests/internal/harness"
)

func needBaseImage(t testing.TB) {
	t.Helper()
	harness.NeedGoImage(t)
}

func buildImage(t testing.TB) string {
	t.Helper()
	return harness.PosternImage(t)
}

// launch starts the project's image, with arguments of docker run.
func launch(t *testing.T, args ...string) harness.Container {
	t.Helper()
	return harness.StartContainer(t, buildImage(t), args...)
}
