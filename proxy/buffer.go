package proxy

import "sync"

// copyBuffers lends ReverseProxy the buffers through which it copies answers.
// They are small, because it holds one for as long as an answer lasts, and
// /events may be silent for days; see [exchange.Write] for what is more.
type copyBuffers struct{}

const copyBuffer = 1 << 10

var copyPool = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func (copyBuffers) Get() []byte  { return copyPool.Get().(*[copyBuffer]byte)[:] }
func (copyBuffers) Put(b []byte) { copyPool.Put((*[copyBuffer]byte)(b)) }
