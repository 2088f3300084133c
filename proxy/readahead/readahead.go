// Package readahead reads from connections with few system calls and little
// memory.
package readahead

import (
	"io"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Size is the most that is read at once, and the size of [Buffers]. Larger ones
// cost memory and win nothing; measured with /images/get and /images/load.
const Size = 128 << 10

// Buffers lends buffers of Size bytes. It is an httputil.BufferPool.
type Buffers struct{}

var pool = sync.Pool{New: func() any { return new([Size]byte) }}

func (Buffers) Get() []byte  { return pool.Get().(*[Size]byte)[:] }
func (Buffers) Put(b []byte) { pool.Put((*[Size]byte)(b)) }

// Reader reads from a connection. Whoever reads HTTP asks for 4 KiB and for the
// rest of a chunk, while the kernel may have several chunks: a Reader takes
// what there is in one system call. It holds a buffer only while there are
// bytes in it, so that a connection on which nothing comes costs none. The
// zero value is of no use; see [New]. It is not for two goroutines at once.
type Reader struct {
	conn   Conn
	raw    syscall.RawConn
	full   bool   // the last read got all it asked for: there may be more
	ahead  []byte // what was read and not yet asked for
	buffer []byte // from the pool, holds ahead; nil without it

	// What a read works on: a closure for each would be garbage.
	try func(fd uintptr) bool
	ask []byte
	n   int
	err error
}

// Conn is a connection of the operating system's.
type Conn interface {
	io.Reader
	syscall.Conn
}

// New returns a reader of a connection.
func New(c Conn) (*Reader, error) {
	raw, err := c.SyscallConn()
	r := &Reader{conn: c, raw: raw}
	r.try = r.readv
	return r, err
}

// Read is io.Reader's. It waits only while nothing has been read ahead.
func (r *Reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(r.ahead) > 0 {
		return r.take(b), nil
	}
	if !r.full {
		n, err := r.conn.Read(b)
		r.full = n == len(b)
		return n, err
	}
	// Whatever the last read left here: on a connection that is closed or past
	// its deadline nobody tries.
	r.ask, r.n, r.err = b, 0, nil
	err := r.raw.Read(r.try)
	r.ask = nil
	if err == nil {
		err = r.err
	}
	n := max(r.n, 0)
	r.full = n == len(b)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, err
}

// Ahead returns what has been read and not yet asked for, until the next call.
func (r *Reader) Ahead() []byte { return r.ahead }

// Rest returns what has been read and not yet asked for, and forgets it.
func (r *Reader) Rest() []byte {
	rest := slices.Clone(r.ahead)
	if r.buffer != nil {
		r.take(make([]byte, len(rest)))
	}
	return rest
}

// take moves bytes out of the buffer, and gives an empty one back.
func (r *Reader) take(b []byte) int {
	n := copy(b, r.ahead)
	r.ahead = r.ahead[n:]
	if len(r.ahead) == 0 {
		Buffers{}.Put(r.buffer)
		r.ahead, r.buffer = nil, nil
	}
	return n
}

// readv reads into what was asked for and, beyond that, into a buffer.
func (r *Reader) readv(fd uintptr) (done bool) {
	var buffer []byte
	if len(r.ask) < Size {
		buffer = Buffers{}.Get()
	}
	for {
		r.n, r.err = unix.Readv(int(fd), [][]byte{r.ask, buffer})
		if r.err != unix.EINTR {
			break
		}
	}
	if extra := r.n - len(r.ask); extra > 0 {
		r.n = len(r.ask)
		r.ahead, r.buffer = buffer[:extra], buffer
	} else if buffer != nil {
		Buffers{}.Put(buffer)
	}
	return r.err != unix.EAGAIN
}
