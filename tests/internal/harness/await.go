package harness

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what takes milliseconds on an idle
// machine. It is spent only where a test fails.
const Patience = time.Minute

// Await polls a condition until it holds, for want of something to wait on. It
// fails the test after [Patience].
func Await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after %v", what, Patience)
		}
	}
}
