package main

import (
	"sync"
	"unsafe"
)

// Pairs and bursts of items that are not buffers. Each has its own copy of the loops below.
type (
	nothing struct{}
	page    [4096]byte
	large   [32 << 10]byte // filled each time
)

func use[T any](b *T) {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(b)), unsafe.Sizeof(*b))
	switch {
	case len(bytes) == len(large{}):
		clear(bytes)
	case len(bytes) > 0:
		bytes[0] = 1
	}
}

func wipe[T any](b *T) {
	if bytes := unsafe.Slice((*byte)(unsafe.Pointer(b)), unsafe.Sizeof(*b)); len(bytes) > 0 {
		bytes[0] = 0
	}
}

func newPoolOf[T any]() *sync.Pool {
	made.Store(0)
	return &sync.Pool{New: func() any {
		made.Add(1)
		return new(T)
	}}
}

func pairOf[T any](threads int, p plan) work {
	pool := newPoolOf[T]()
	chunk := p.chunk()
	return sideBySide(threads, p, func() func() int {
		return func() int {
			for range chunk {
				b := pool.Get().(*T)
				use(b)
				wipe(b)
				pool.Put(b)
			}
			return chunk
		}
	})
}

func burstOf[T any](size, threads int, p plan) work {
	pool := newPoolOf[T]()
	bursts := p.chunks(size)
	return sideBySide(threads, p, func() func() int {
		held := make([]*T, size, max(size, 64)) // shares no line with another goroutine's
		return func() int {
			for range bursts {
				for i := range held {
					b := pool.Get().(*T)
					use(b)
					held[i] = b
				}
				for _, b := range held {
					wipe(b)
					pool.Put(b)
				}
			}
			return bursts * size
		}
	})
}
