package main

import (
	"runtime"
	"sync"
	"time"
)

// A bounded pool: a channel that holds all items. A waiting receiver gets the sent item directly, so no newcomer overtakes
// it.
type bounded chan *item

func newBounded(items int) bounded {
	pool := make(bounded, items)
	for range items {
		pool <- &item{bytes: make([]byte, 0, capacity)}
	}
	return pool
}

func (pool bounded) put(b *item) {
	empty(b)
	pool <- b
}

// In the end all items must be there.
func (pool bounded) check() {
	if len(pool) != cap(pool) {
		panic("an item was lost")
	}
}

func boundedPairs(items, threads int, p plan) sample {
	pool := newBounded(items)
	defer pool.check()
	w := sideBySide(threads, p, func() func() int {
		return func() int {
			for range p.chunk() {
				b := <-pool
				write(b)
				pool.put(b)
			}
			return p.chunk()
		}
	})
	return sample{"ns": w.ns(threads)}
}

// Goroutines that wait for each other, and yield while they have an item. With givingUp, another goroutine tells a random
// one to give up waiting whenever it runs.
func boundedWaits(items, users int, givingUp bool, p plan) sample {
	pool := newBounded(items)
	defer pool.check()
	begin := time.Now().Add(p.warmUp)
	end := begin.Add(p.measured)
	var told []chan struct{}
	var mutex sync.Mutex
	var done sync.WaitGroup
	var all times
	var givenUp int64
	last := end
	for range users {
		giveUp := make(chan struct{}, 1)
		told = append(told, giveUp)
		done.Add(1)
		go func() {
			defer done.Done()
			var waits times
			var gaveUp int64
			var now time.Time
			for {
				start := time.Now()
				var b *item
				if givingUp {
					select {
					case b = <-pool:
					case <-giveUp:
					}
				} else {
					b = <-pool
				}
				now = time.Now()
				if !now.Before(begin) {
					if b != nil {
						waits.record(now.Sub(start).Nanoseconds())
					} else {
						gaveUp++
					}
				}
				if b != nil {
					write(b)
					runtime.Gosched()
					pool.put(b)
				}
				if !now.Before(end) {
					break
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			all.add(&waits)
			givenUp += gaveUp
			if now.After(last) {
				last = now
			}
		}()
	}
	if givingUp {
		random := uint64(1)
		for time.Now().Before(end) {
			random = random*6_364_136_223_846_793_005 + 1_442_695_040_888_963_407
			select {
			case told[int(random>>33)%users] <- struct{}{}:
			default:
			}
			runtime.Gosched()
		}
	}
	done.Wait()
	s := sample{
		"ns":                float64(last.Sub(begin).Nanoseconds()) / float64(all.count),
		"given_up_per_item": float64(givenUp) / float64(all.count),
	}
	all.show(s)
	return s
}
