package main

func pair(threads int, p plan) work {
	pool := newPool()
	chunk := p.chunk()
	return sideBySide(threads, p, func() func() int {
		return func() int {
			for range chunk {
				put(pool, getWritten(pool))
			}
			return chunk
		}
	})
}

func burst(size, threads int, p plan) work {
	pool := newPool()
	bursts := p.chunks(size)
	return sideBySide(threads, p, func() func() int {
		held := make([]*item, size, max(size, 64)) // shares no line with another goroutine's
		return func() int {
			for range bursts {
				for i := range held {
					held[i] = getWritten(pool)
				}
				for _, b := range held {
					put(pool, b)
				}
			}
			return bursts * size
		}
	})
}

func window(size, threads int, p plan) work {
	pool := newPool()
	chunk := p.chunk()
	return sideBySide(threads, p, func() func() int {
		held := make([]*item, size, max(size, 64))
		for i := range held {
			held[i] = getWritten(pool)
		}
		oldest := 0
		return func() int {
			for range chunk {
				b := getWritten(pool)
				put(pool, held[oldest])
				held[oldest] = b
				if oldest++; oldest == size {
					oldest = 0
				}
			}
			return chunk
		}
	})
}
