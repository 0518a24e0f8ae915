package main

const (
	walk = 8 << 20 // the memory that is read in between: several times a core's private cache
	step = 64      // at most a cache line
)

// The result of the walk, so that the compiler keeps it.
var found byte

// Pairs of which one in this many finds a cold cache. Only those are timed. The result is their median, with the clock's share.
func cold(every int, p plan) sample {
	pool := newPool()
	memory := make([]byte, p.of(walk))
	for i := range memory {
		memory[i] = 1
	}
	warm := p.of(every) - 1
	var t times
	s := sideBySide(1, p, func() func() int {
		return func() int {
			for range warm {
				put(pool, getWritten(pool))
			}
			for i := 0; i < len(memory); i += step {
				found += memory[i]
			}
			start := now()
			put(pool, getWritten(pool))
			t.record(now() - start)
			return warm + 1
		}
	}).sample(1)
	s["ns"] = t.quantile(0.5)
	s["clock_ns"] = ofNothing()
	return s
}
