package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const carriers = 16 // the number of messages in flight

// A channel for messages between two goroutines, with room for every message and for one that ends the run.
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
			runtime.Gosched() // the sender may need this core
		}
	}
	message := c.slots[received%uint64(len(c.slots))]
	c.received.Store(received + 1)
	return message
}

// A Go channel. Both goroutines may take turns on one core, so that no message crosses threads.
type blocking chan []*item

func (c blocking) send(message []*item) { c <- message }

func (c blocking) receive() []*item { return <-c }

// The cost of the pool in a hand-off: the time with it, minus that of the same messages without.
func handOff(size int, p plan, newChannel func() channel) sample {
	messages := carry(size, false, p, newChannel(), newChannel()).ns(2)
	pooled := carry(size, true, p, newChannel(), newChannel())
	s := pooled.sample(2)
	s["ns"] = pooled.ns(2) - messages
	s["messages_ns"] = messages
	return s
}

// One goroutine fills messages, and the other empties them and sends them back. Items that are not pooled travel back
// with the message, which shows the cost of the messages themselves.
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
		kept := make([]*item, size)
		for carrier := full.receive(); carrier != nil; carrier = full.receive() {
			if pooled {
				for i, b := range carrier {
					sum += int(b.bytes[0])
					put(pool, b)
					carrier[i] = nil
				}
			} else {
				for i, b := range carrier {
					sum += int(b.bytes[0])
					empty(b)
					kept[i], carrier[i] = b, nil
				}
				copy(carrier, kept)
			}
			vacant.send(carrier)
		}
		if sum == 0 {
			panic("nothing was read")
		}
	}()
	w := sideBySide(1, p, func() func() int {
		kept := make([]*item, size)
		return func() int {
			for range count {
				carrier := vacant.receive()
				if pooled {
					for i := range carrier {
						carrier[i] = getWritten(pool)
					}
				} else {
					copy(kept, carrier)
					for i, b := range kept {
						write(b)
						carrier[i] = b
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
