package main

// One new goroutine after another runs this many pairs. The cost is that of the whole goroutine.
func churn(pairs int, p plan) sample {
	pool := newPool()
	bare := oneAfterAnother(pairs, p, func() {})
	made.Store(0)
	pooled := oneAfterAnother(pairs, p, func() {
		for range pairs {
			put(pool, getWritten(pool))
		}
	})
	s := pooled.sample(1)
	s["thread_ns"] = bare.ns(1)
	return s
}

func oneAfterAnother(pairs int, p plan, life func()) work {
	goroutines := p.of(64)
	return sideBySide(1, p, func() func() int {
		return func() int {
			for range goroutines {
				end := make(chan struct{})
				go func() {
					defer close(end)
					life()
				}()
				<-end
			}
			return goroutines * pairs
		}
	})
}
