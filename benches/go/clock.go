package main

import (
	"runtime"
	"sync"
	"time"
)

type count struct{ pairs, made int64 }

// The work of all goroutines: the warm-up, which is not timed, and the measured part.
type work struct {
	warmUp, measured count
	wall             time.Duration
}

// One thread's nanoseconds per pair, with as many threads as can run at once.
func (w work) ns(threads int) float64 {
	busy := min(threads, runtime.GOMAXPROCS(0))
	return float64(w.wall.Nanoseconds()) * float64(busy) / float64(w.measured.pairs)
}

func (w work) sample(threads int) sample {
	return sample{
		"ns":               w.ns(threads),
		"made_per_million": float64(w.measured.made) * 1e6 / float64(w.measured.pairs),
		"pairs":            float64(w.measured.pairs),
		"made":             float64(w.measured.made),
		"warm_up_pairs":    float64(w.warmUp.pairs),
		"warm_up_made":     float64(w.warmUp.made),
	}
}

// Named numbers.
type sample map[string]float64

type plan struct {
	warmUp, measured time.Duration
	shrink           int // numbers of pairs in a chunk and so on are divided by this
}

// This many, or fewer in a small plan.
func (p plan) of(number int) int { return (number + p.shrink - 1) / p.shrink }

// About as many pairs between two reads of the clock.
func (p plan) chunk() int { return p.of(4096) }

// How many times size pairs make a chunk.
func (p plan) chunks(size int) int { return max(p.chunk()/size, 1) }

// A stretch of time that goroutines begin together.
type stretch struct {
	time  time.Duration
	gate  sync.WaitGroup
	once  sync.Once
	start time.Time
	made  int64 // before it began
}

func (s *stretch) run(body func() int) (pairs int64, end time.Time) {
	s.gate.Done()
	s.gate.Wait()
	s.once.Do(func() {
		s.start = time.Now()
		s.made = made.Load()
	})
	for {
		pairs += int64(body())
		if end = time.Now(); end.Sub(s.start) >= s.time {
			return
		}
	}
}

// Every goroutine warms up and is measured in its own loop. start makes the loop's body.
func sideBySide(threads int, p plan, start func() func() int) work {
	return inTwoParts(threads, p, func() (warmUp, measured func() int) {
		body := start()
		return body, body
	})
}

// The same with different warm-up and measured work.
func inTwoParts(threads int, p plan, start func() (warmUp, measured func() int)) work {
	warmUp, measured := stretch{time: p.warmUp}, stretch{time: p.measured}
	warmUp.gate.Add(threads)
	measured.gate.Add(threads)
	var mutex sync.Mutex
	var done sync.WaitGroup
	var w work
	for range threads {
		done.Add(1)
		go func() {
			defer done.Done()
			first, second := start()
			warm, _ := warmUp.run(first)
			pairs, end := measured.run(second)
			mutex.Lock()
			defer mutex.Unlock()
			w.warmUp.pairs += warm
			w.measured.pairs += pairs
			w.wall = max(w.wall, end.Sub(measured.start))
		}()
	}
	done.Wait()
	w.warmUp.made = measured.made
	w.measured.made = made.Load() - measured.made
	return w
}
