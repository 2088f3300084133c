//go:build real

package docs

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/png"
	"os"
	"strings"
	"testing"

	"postern/tests/internal/harness"
)

// The picture's width and height in pixels. The page is longer: what is below is cut
// off.
const pictureWidth, pictureHeight = 1100, 1460

// TestStatusPagePicture has a browser take the picture of the status page that README
// shows: of a postern with three programs, each in a container of its own, and with one
// refusal unfolded. -update writes it to docs/.
func TestStatusPagePicture(t *testing.T) {
	t.Parallel()
	b := harness.OpenBrowser(t)
	b.Look(pictureWidth, "light")
	b.Show("http://" + pictured(t) + ":9323/")
	b.Eval("document.querySelectorAll('.rows details')[1].open = true")
	picture, err := png.Decode(bytes.NewReader(b.Picture(pictureHeight)))
	if err != nil {
		t.Fatal(err)
	}
	small := shrink(picture)
	if len(small) > maxPictureBytes {
		t.Errorf("the picture has %d bytes, want at most %d", len(small), maxPictureBytes)
	}
	file := harness.File(pictureFile)
	if *update {
		if err := os.WriteFile(file, small, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(shown)); err != nil || image.Pt(config.Width, config.Height) != picture.Bounds().Size() {
		t.Errorf("%s is %v, want %v: %v", pictureFile, image.Pt(config.Width, config.Height), picture.Bounds().Size(), err)
	}
}

// pictured starts a postern in front of the machine's engine and three programs that
// send it requests, and returns its address.
func pictured(t *testing.T) string {
	t.Helper()
	network, program := harness.Unused(t), harness.AskProgram(t)
	harness.MustDocker(t, "network", "create", network)
	client := func(alias string) string {
		name := harness.Unused(t)
		harness.MustDocker(t, "run", "-d", "--init", "--name", name, "--network", network, "--network-alias", alias,
			"--volume", program+":/ask:ro", harness.Busybox(t), "sleep", "1000")
		return name
	}
	traefik, portainer, other := client("traefik"), client("portainer"), client("dozzle")
	p := harness.StartStatic(t, "--network", network, harness.Mount(harness.EngineSocket),
		"-e", "CONTAINERS=1", "-e", "METRICS_LISTEN=:9323",
		"-e", "CLIENT_TRAEFIK_FROM=traefik", "-e", "CLIENT_TRAEFIK_PRESET=traefik",
		"-e", "CLIENT_PORTAINER_FROM=portainer", "-e", "CLIENT_PORTAINER_CONTAINERS=1", "-e", "CLIENT_PORTAINER_IMAGES=1", "-e", "CLIENT_PORTAINER_POST=1")
	host := p.URL()
	for _, client := range []string{traefik, portainer} {
		harness.MustDocker(t, "exec", "-d", client, "/ask", host, "GET", "/v1.41/events")
	}
	for _, request := range []struct{ client, method, path string }{
		{traefik, "GET", "/v1.41/version"}, {traefik, "GET", "/v1.41/containers/json"},
		{portainer, "GET", "/v1.41/containers/json"}, {portainer, "GET", "/v1.41/containers/json"}, {portainer, "GET", "/v1.41/images/json"},
	} {
		if status := harness.Ask(t, request.client, host, request.method, request.path); status != 200 {
			t.Fatalf("%s %s has status %d, want 200", request.method, request.path, status)
		}
	}
	for _, request := range []struct{ client, method, path string }{
		{other, "POST", "/v1.41/containers/web/restart"}, {other, "GET", "/v1.41/info"}, {traefik, "GET", "/v1.41/networks"},
		{portainer, "GET", "/v1.41/volumes"}, {portainer, "POST", "/v1.41/containers/web/exec"}, {other, "GET", "/v1.41/info"},
	} {
		if status := harness.Ask(t, request.client, host, request.method, request.path); status != 403 {
			t.Fatalf("%s %s has status %d, want a refusal", request.method, request.path, status)
		}
	}
	address := p.Address(network)
	harness.Await(t, "two open streams", func() bool {
		return strings.Count(harness.TCP(address+":9323").Get(t, "/").Body, "SystemEvents</small>") == 2
	})
	return address
}

// shrink is a PNG of a picture with few colors: its own where 256 are enough.
func shrink(picture image.Image) []byte {
	bounds, colors := picture.Bounds(), color.Palette{}
	seen := map[color.Color]bool{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := picture.At(x, y)
			if !seen[c] {
				seen[c] = true
				colors = append(colors, c)
			}
		}
	}
	if len(colors) > 256 {
		colors = palette.Plan9
	}
	few := image.NewPaletted(bounds, colors)
	draw.Draw(few, bounds, picture, bounds.Min, draw.Src)
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	encoder.Encode(&b, few)
	return b.Bytes()
}
