package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Go's own benchmarks of sync.Pool.

// Puts an item and gets one.
func putGet(threads int, p plan) work {
	pool := newPool()
	chunk := p.chunk()
	return sideBySide(threads, p, func() func() int {
		held := getWritten(pool)
		return func() int {
			b := held
			for range chunk {
				put(pool, b)
				b = getWritten(pool)
			}
			held = b
			return chunk
		}
	})
}

// Puts this many of the items in use, drops the rest, and gets the same number again.
func putFirst(puts, gets, threads int, p plan) work {
	pool := newPool()
	rounds := p.chunks(gets)
	return sideBySide(threads, p, func() func() int {
		held := make([]*item, gets, max(gets, 64))
		for i := range held {
			held[i] = getWritten(pool)
		}
		return func() int {
			for range rounds {
				for _, b := range held[:puts] {
					put(pool, b)
				}
				for i := range held {
					held[i] = getWritten(pool)
				}
			}
			return rounds * gets
		}
	})
}

// Two collections with this many idle items: the first makes them victims, and the second drops them. Another goroutine
// runs pairs meanwhile. The pause is the longest pair that overlaps the two.
func pause(items int, p plan) sample {
	items = p.of(items)
	debug.SetGCPercent(-1)
	pool := newPool()
	var done, longest atomic.Int64
	var over atomic.Bool
	var worker sync.WaitGroup
	worker.Add(1)
	go func() {
		defer worker.Done()
		for !over.Load() {
			start := time.Now()
			put(pool, getWritten(pool))
			longest.Store(max(longest.Load(), time.Since(start).Nanoseconds()))
			done.Add(1)
		}
	}()
	held := make([]*item, items)
	twoSweeps := func() (sweep, pause int64) {
		for i := range held {
			held[i] = getWritten(pool)
		}
		for i, b := range held {
			put(pool, b)
			held[i] = nil
		}
		longest.Store(0)
		for range 2 {
			start := time.Now()
			runtime.GC()
			sweep = max(sweep, time.Since(start).Nanoseconds())
		}
		// The pair under way at the end counts too, however long it takes.
		for enough := done.Load() + 2; done.Load() < enough; {
			runtime.Gosched()
		}
		return sweep, longest.Load()
	}
	twoSweeps()
	var sweeps, pauses times
	for start := time.Now(); sweeps.count == 0 || time.Since(start) < p.measured; {
		sweep, pause := twoSweeps()
		sweeps.record(sweep)
		pauses.record(pause)
	}
	over.Store(true)
	worker.Wait()
	return sample{"pause_us": pauses.quantile(0.5) / 1e3, "sweep_us": sweeps.quantile(0.5) / 1e3}
}

// Live memory that sets the number of bytes between two collections.
var ballast []byte

// Bursts of costly items, with scratch space for each. The scratch space causes the collections.
func costly(size, threads int, p plan) work {
	size = p.of(size)
	ballast = make([]byte, 8<<20)
	pool := &sync.Pool{New: func() any {
		made.Add(1)
		time.Sleep(time.Millisecond)
		return new(nothing)
	}}
	return sideBySide(threads, p, func() func() int {
		held := make([]any, size, max(size, 64))
		var scratch []byte // outlives this function, so its memory is on the heap
		return func() int {
			for i := range held {
				held[i] = pool.Get()
				scratch = make([]byte, 32<<10)
			}
			for _, b := range held {
				pool.Put(b)
			}
			if len(scratch) == 0 {
				panic("there is none")
			}
			return size
		}
	})
}
