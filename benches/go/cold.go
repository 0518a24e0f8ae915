package main

const (
	walk = 8 << 20 // what is walked through in between: several times what a core has of cache for itself
	step = 64      // at most a cache line
)

// What the walk found, so that it can't be left out.
var found byte

// Pairs of which every so-and-so-many-th finds a cold cache. Only those are timed: the median, with the clock's share.
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
