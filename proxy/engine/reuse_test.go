package engine

import "testing"

// TestBytesBehindAnAnswer asserts that what an engine sends behind its answer
// is not taken for the answer to somebody else's request.
func TestBytesBehindAnAnswer(t *testing.T) {
	t.Parallel()
	transport, connections := play(t, say(ok+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", ok), say(ok))
	for range 2 {
		if got, want := outcome(transport.RoundTrip(request(t, "GET", "/x", ""))), `200 "ok"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if n := connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}
