package main

import "sync"

// A pair in each of this many pools, one after the other.
func inTurn(count int, p plan) work {
	pools := newPools(p.of(count))
	rounds := p.chunks(len(pools))
	return sideBySide(1, p, func() func() int {
		return func() int {
			for range rounds {
				for _, pool := range pools {
					put(pool, getWritten(pool))
				}
			}
			return rounds * len(pools)
		}
	})
}

// Pairs in one pool, while this many others exist that were used once.
func besidePools(count int, p plan) work {
	others := newPools(p.of(count))
	for _, pool := range others {
		put(pool, getWritten(pool))
	}
	w := pair(1, p)
	if len(others) == 0 || get(others[0]) == nil {
		panic("the others are gone")
	}
	return w
}

func newPools(count int) []*sync.Pool {
	pools := make([]*sync.Pool, count)
	for i := range pools {
		pools[i] = newPool()
	}
	return pools
}
