package proxy

import "sync"

// copyBuffers lends ReverseProxy the buffers through which it copies answers.
type copyBuffers struct{}

const copyBuffer = 128 << 10

var copyPool = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func (copyBuffers) Get() []byte  { return copyPool.Get().(*[copyBuffer]byte)[:] }
func (copyBuffers) Put(b []byte) { copyPool.Put((*[copyBuffer]byte)(b)) }
