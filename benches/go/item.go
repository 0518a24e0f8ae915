package main

import (
	"sync"
	"sync/atomic"
)

const capacity = 64 // the capacity of a new buffer, in bytes

// The item. It fills a cache line. Go puts small objects side by side, and if two goroutines' items shared a line, the
// benchmark would measure memory and not the pool.
type item struct {
	bytes []byte
	_     [40]byte
}

// The number of items that the newest pool has made.
var made atomic.Int64

func newPool() *sync.Pool {
	made.Store(0)
	return &sync.Pool{New: func() any {
		made.Add(1)
		return &item{bytes: make([]byte, 0, capacity)}
	}}
}

func get(pool *sync.Pool) *item { return pool.Get().(*item) }

func getWritten(pool *sync.Pool) *item {
	b := get(pool)
	write(b)
	return b
}

func put(pool *sync.Pool, b *item) {
	empty(b)
	pool.Put(b)
}

func write(b *item) { b.bytes = append(b.bytes, 1) }

func empty(b *item) { b.bytes = b.bytes[:0] }
