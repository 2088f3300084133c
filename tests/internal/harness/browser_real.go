//go:build real

package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Browser is a headless chromium with one page. It is driven by the DevTools protocol,
// over pipes.
type Browser struct {
	// Complaints are the lines of the page's console: errors, and violations of the
	// page's policy. They are complete after Close.
	Complaints []string

	t       *testing.T
	cmd     *exec.Cmd
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
}

// OpenBrowser starts chromium, which must be installed, without a page.
func OpenBrowser(t *testing.T) *Browser {
	t.Helper()
	path := NeedCommand(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 4*Patience)
	t.Cleanup(cancel)
	theirs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{t: t, to: to, from: bufio.NewReader(from)}
	b.cmd = exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-proxy-server", "--hide-scrollbars", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe")
	b.cmd.ExtraFiles = []*os.File{theirs, ours} // 3 and 4
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	ours.Close()
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		b.cmd.Wait()
		to.Close()
		from.Close()
	})
	var target struct{ TargetID string }
	b.Do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.Do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.Do(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command and returns the response to it.
func (b *Browser) call(method string, params any) (json.RawMessage, error) {
	b.last++
	message := map[string]any{"id": b.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			return nil, err
		}
		var got struct {
			ID            int
			Method        string
			Params        struct{ Entry struct{ Text, URL string } }
			Result, Error json.RawMessage
		}
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &got); err != nil {
			return nil, err
		}
		if got.Method == "Log.entryAdded" {
			b.Complaints = append(b.Complaints, got.Params.Entry.Text+" "+got.Params.Entry.URL)
		}
		if got.ID != b.last {
			continue
		}
		if got.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, got.Error)
		}
		return got.Result, nil
	}
}

// Do sends a command of the protocol and reads the result into a value, unless that is
// nil.
func (b *Browser) Do(method string, params, result any) {
	b.t.Helper()
	text, err := b.call(method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(text, result)
	}
	if err != nil {
		b.t.Fatalf("chromium: %v", err)
	}
}

// Show loads a page and waits until it has loaded.
func (b *Browser) Show(url string) {
	b.t.Helper()
	b.Do("Page.navigate", map[string]any{"url": url}, nil)
	Await(b.t, url, func() bool {
		return b.Eval("document.readyState === 'complete' && location.href === "+quote(url)) == "true"
	})
}

// Eval runs an expression in the page, as if its user had, and returns the value as text.
func (b *Browser) Eval(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.Do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return fmt.Sprint(r.Result.Value)
}

// Click clicks with the mouse on the middle of the first element that a selector names.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	where := b.Eval(`(() => { const e = document.querySelector(` + quote(selector) + `); if (!e) return ""; e.scrollIntoView({block: "center"});
		const r = e.getClientRects()[0]; return JSON.stringify({x: r.x + Math.min(r.width / 2, 40), y: r.y + r.height / 2}); })()`)
	if err := json.Unmarshal([]byte(where), &at); err != nil {
		b.t.Fatalf("nothing to click on at %s: %v", selector, err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.Do("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// Look gives the page a width in pixels and a color scheme, light or dark.
func (b *Browser) Look(width int, scheme string) {
	b.t.Helper()
	b.Do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.Do("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Picture is a PNG of the whole page, or of its first height pixels if that is not 0.
func (b *Browser) Picture(height int) []byte {
	b.t.Helper()
	params := map[string]any{"format": "png", "captureBeyondViewport": true}
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	b.Do("Page.getLayoutMetrics", nil, &size)
	if height == 0 {
		height = int(size.CSSContentSize.Height)
	}
	params["clip"] = map[string]any{"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": height, "scale": 1}
	var shot struct{ Data string }
	b.Do("Page.captureScreenshot", params, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return picture
}

// quote writes a string for a script.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string always marshals
	return string(text)
}
