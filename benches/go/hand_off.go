package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const carriers = 16 // messages that travel at once

// A channel for messages between two goroutines. There is room for every message there is, and one to say that it is over.
type channel interface {
	send(message []*item)
	receive() []*item
}

// Its receiver spins, as in src/workload/hand_off.rs.
type spinning struct {
	slots    [2 * carriers][]*item
	_        [64]byte
	sent     atomic.Uint64
	_        [64]byte
	received atomic.Uint64
	_        [64]byte
}

func (c *spinning) send(message []*item) {
	sent := c.sent.Load()
	c.slots[sent%uint64(len(c.slots))] = message
	c.sent.Store(sent + 1)
}

func (c *spinning) receive() []*item {
	received := c.received.Load()
	for tries := 1; c.sent.Load() == received; tries++ {
		if tries%1024 == 0 {
			runtime.Gosched() // perhaps the sender waits for this very core
		}
	}
	message := c.slots[received%uint64(len(c.slots))]
	c.received.Store(received + 1)
	return message
}

// One of Go's own. Both goroutines may take turns on one core, so that nothing is handed from thread to thread.
type blocking chan []*item

func (c blocking) send(message []*item) { c <- message }

func (c blocking) receive() []*item { return <-c }

// What the pool costs in a hand-off: with it, less what the same messages cost without.
func handOff(size int, p plan, newChannel func() channel) sample {
	messages := carry(size, false, p, newChannel(), newChannel()).ns(2)
	pooled := carry(size, true, p, newChannel(), newChannel())
	s := pooled.sample(2)
	s["ns"] = pooled.ns(2) - messages
	s["messages_ns"] = messages
	return s
}

// One goroutine fills messages, the other empties them and sends them back. Where the items are not pooled they stay
// in the message: so that is what the messages themselves cost.
func carry(size int, pooled bool, p plan, full, vacant channel) work {
	pool := newPool()
	count := p.chunks(size)
	messages := make([][]*item, carriers)
	for i := range messages {
		messages[i] = make([]*item, size)
		for j := range size {
			messages[i][j] = get(pool)
		}
	}
	for _, carrier := range messages {
		if pooled {
			for _, b := range carrier {
				put(pool, b)
			}
		}
		vacant.send(carrier)
	}
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		var sum int
		for carrier := full.receive(); carrier != nil; carrier = full.receive() {
			if pooled {
				for _, b := range carrier {
					sum += int(b.bytes[0])
					put(pool, b)
				}
			} else {
				for _, b := range carrier {
					sum += int(b.bytes[0])
					empty(b)
				}
			}
			vacant.send(carrier)
		}
		if sum == 0 {
			panic("nothing was read")
		}
	}()
	w := sideBySide(1, p, func() func() int {
		return func() int {
			for range count {
				carrier := vacant.receive()
				if pooled {
					for i := range carrier {
						carrier[i] = getWritten(pool)
					}
				} else {
					for _, b := range carrier {
						write(b)
					}
				}
				full.send(carrier)
			}
			return count * size
		}
	})
	full.send(nil)
	done.Wait()
	return w
}
