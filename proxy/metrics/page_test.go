package metrics

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// TestPageIsShared asserts that all who ask within a second share one page, and that it
// is not kept after that.
func TestPageIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, all := newServer("ui")
		first := s.page()
		s.End(event(all[1], "GET", "/info"))
		time.Sleep(maxPageAge / 2)
		if again := s.page(); &again[0] != &first[0] {
			t.Error("half a second later the page is made again")
		}
		time.Sleep(maxPageAge)
		s.pages.mu.Lock()
		kept := s.pages.last
		s.pages.mu.Unlock()
		if kept != nil {
			t.Error("the page is kept although nobody asks for it")
		}
		if now := s.page(); !bytes.Contains(now, []byte("SystemInfo")) {
			t.Error("the page does not show what has happened")
		}
		time.Sleep(2 * maxPageAge) // for the timer
	})
}
