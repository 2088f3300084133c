package docs

import (
	"bytes"
	"image/png"
	"os"
	"testing"

	"postern/tests/internal/harness"
)

const (
	pictureFile     = "docs/status-page.png"
	maxPictureBytes = 120_000
)

// TestPictureIsSmall asserts that the picture in README is a PNG that loads quickly.
func TestPictureIsSmall(t *testing.T) {
	t.Parallel()
	picture, err := os.ReadFile(harness.File(pictureFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(picture) > maxPictureBytes {
		t.Errorf("%s has %d bytes, want at most %d", pictureFile, len(picture), maxPictureBytes)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Errorf("%s: %v", pictureFile, err)
	}
}
