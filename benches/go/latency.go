package main

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var began = time.Now()

// Nanoseconds of the monotonic clock, which costs half as much as time.Now.
func now() int64 { return time.Since(began).Nanoseconds() }

// Times in nanoseconds with two digits: a bucket for each up to 255, then 128 buckets for each doubling.
type times struct {
	buckets [36 * 128]int64
	count   int64
	max     int64
}

func (t *times) record(nanoseconds int64) {
	doublings := max(bits.Len64(uint64(nanoseconds))-8, 0)
	t.buckets[min(doublings*128+int(nanoseconds>>doublings), len(t.buckets)-1)]++
	t.count++
	t.max = max(t.max, nanoseconds)
}

func (t *times) add(other *times) {
	for i, count := range other.buckets {
		t.buckets[i] += count
	}
	t.count += other.count
	t.max = max(t.max, other.max)
}

// The longest time in the bucket of that quantile.
func (t *times) quantile(part float64) float64 {
	left := max(int64(math.Ceil(part*float64(t.count))), 1)
	for i, count := range t.buckets {
		if left -= count; left <= 0 {
			doublings := max(i/128-1, 0)
			return float64(int64(i-doublings*128+1)<<doublings - 1)
		}
	}
	panic("more than all")
}

// Adds the shown numbers of these times.
func (t *times) show(s sample) {
	s["p50_ns"] = t.quantile(0.5)
	s["p99_ns"] = t.quantile(0.99)
	s["p999_ns"] = t.quantile(0.999)
	s["p9999_ns"] = t.quantile(0.9999)
	s["max_ns"] = float64(t.max)
	s["clock_ns"] = ofNothing()
}

// The median time between two consecutive reads of the clock.
func ofNothing() float64 {
	var t times
	for range 1000 {
		start := now()
		t.record(now() - start)
	}
	return t.quantile(0.5)
}

// Bursts in all goroutines, with each get and each put timed. With sweeps there is a garbage collection every millisecond,
// as only that ages a sync.Pool.
func latency(size, threads int, sweeps bool, p plan) sample {
	pool := newPool()
	bursts := p.chunks(size)
	var over atomic.Bool
	var sweeper sync.WaitGroup
	if sweeps {
		sweeper.Add(1)
		go func() {
			defer sweeper.Done()
			for !over.Load() {
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
		}()
	}
	var mutex sync.Mutex
	var each []*times
	w := inTwoParts(threads, p, func() (warmUp, measured func() int) {
		held := make([]*item, size, max(size, 64))
		chunk := func(t *times) int {
			for range bursts {
				for i := range held {
					start := now()
					b := get(pool)
					t.record(now() - start)
					write(b)
					held[i] = b
				}
				for _, b := range held {
					start := now()
					put(pool, b)
					t.record(now() - start)
				}
			}
			return bursts * size
		}
		before, t := new(times), new(times)
		mutex.Lock()
		defer mutex.Unlock()
		each = append(each, t)
		return func() int { return chunk(before) }, func() int { return chunk(t) }
	})
	over.Store(true)
	sweeper.Wait()
	var all times
	for _, t := range each {
		all.add(t)
	}
	s := w.sample(threads)
	all.show(s)
	return s
}
