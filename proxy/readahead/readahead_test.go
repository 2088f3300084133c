package readahead

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// pair returns two ends of a connection.
func pair(t *testing.T) (writer, reader *net.UnixConn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if writer, err = net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr)); err != nil {
		t.Fatal(err)
	}
	if reader, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close(); reader.Close() })
	return writer, reader
}

func TestReader(t *testing.T) {
	t.Parallel()
	writer, c := pair(t)
	sent := make([]byte, 3<<20)
	for i := range sent {
		sent[i] = byte(i * 7 >> 3)
	}
	go func() {
		writer.Write(sent)
		writer.Close()
	}()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var got []byte
	for {
		b := make([]byte, 1+random.IntN([]int{10, 5000, 2 * Size}[random.IntN(3)]))
		n, err := r.Read(b)
		got = append(got, b[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil || n == 0 {
			t.Fatalf("Read = %d, %v", n, err)
		}
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes that differ from the %d that were sent", len(got), len(sent))
	}
}

// TestReaderReadsAhead asserts that what has come is taken, and that no buffer
// is held when it has been asked for.
func TestReaderReadsAhead(t *testing.T) {
	t.Parallel()
	writer, c := pair(t)
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	writer.Write([]byte("0123456789"))
	for _, tt := range []struct{ want, ahead string }{{"01", ""}, {"23", "456789"}, {"45", "6789"}, {"67", "89"}, {"89", ""}} {
		var b [2]byte
		if n, err := r.Read(b[:]); string(b[:n]) != tt.want || err != nil || string(r.Ahead()) != tt.ahead {
			t.Errorf("Read = %q, %v with %q ahead, want %q with %q", b[:n], err, r.Ahead(), tt.want, tt.ahead)
		}
	}
	if r.buffer != nil {
		t.Error("a buffer is held with nothing in it")
	}
}

// Where nothing can be read nothing is returned, whatever was read before.
func TestReadOfNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.UnixConn){
		"closed":        func(c *net.UnixConn) { c.Close() },
		"past its time": func(c *net.UnixConn) { c.SetReadDeadline(time.Unix(1, 0)) },
	} {
		writer, c := pair(t)
		r, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		writer.Write(make([]byte, 200))
		for range 2 {
			if n, err := r.Read(make([]byte, 100)); n != 100 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		end(c)
		if n, err := r.Read(make([]byte, 10)); n != 0 || err == nil {
			t.Errorf("%s: %d bytes and %v, want none and an error", name, n, err)
		}
	}
}
