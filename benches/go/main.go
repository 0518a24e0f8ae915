// Measures sync.Pool in one workload and prints one line, as `ebbtide-benches --sample` does.
//
//	ebbtide-benches-go SHAPE SIZE THREADS WARM_UP_MS MEASURED_MS
//
// The workloads are those of src/workload.rs, line by line as far as the languages allow: goroutines in place of
// threads.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	capacity = 64   // the room in a new buffer, in bytes
	chunk    = 4096 // pairs between two looks at the clock, about
	carriers = 16   // messages that travel at once in a hand-off
)

// The item. It fills a cache line: Go puts small objects side by side, and where two goroutines' items share a line the
// memory is measured, not the pool.
type item struct {
	bytes []byte
	_     [40]byte
}

type count struct{ pairs, made int64 }

type sample struct {
	warmUp, measured count
	wall             time.Duration
}

type plan struct{ warmUp, measured time.Duration }

// How many items the newest pool has made.
var made atomic.Int64

func newPool() *sync.Pool {
	made.Store(0)
	return &sync.Pool{New: func() any {
		made.Add(1)
		return &item{bytes: make([]byte, 0, capacity)}
	}}
}

func get(pool *sync.Pool) *item { return pool.Get().(*item) }

func put(pool *sync.Pool, b *item) {
	empty(b)
	pool.Put(b)
}

func write(b *item) { b.bytes = append(b.bytes, 1) }

func empty(b *item) { b.bytes = b.bytes[:0] }

// A stretch of time that a number of goroutines begin together.
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

// Every goroutine warms up and is measured in its own loop: start makes the body of the loop.
func sideBySide(threads int, p plan, start func() func() int) sample {
	warmUp, measured := stretch{time: p.warmUp}, stretch{time: p.measured}
	warmUp.gate.Add(threads)
	measured.gate.Add(threads)
	var mutex sync.Mutex
	var done sync.WaitGroup
	var s sample
	for range threads {
		done.Add(1)
		go func() {
			defer done.Done()
			body := start()
			warm, _ := warmUp.run(body)
			pairs, end := measured.run(body)
			mutex.Lock()
			defer mutex.Unlock()
			s.warmUp.pairs += warm
			s.measured.pairs += pairs
			s.wall = max(s.wall, end.Sub(measured.start))
		}()
	}
	done.Wait()
	s.warmUp.made = measured.made
	s.measured.made = made.Load() - measured.made
	return s
}

func pair(threads int, p plan) sample {
	pool := newPool()
	return sideBySide(threads, p, func() func() int {
		return func() int {
			for range chunk {
				b := get(pool)
				write(b)
				put(pool, b)
			}
			return chunk
		}
	})
}

func burst(size, threads int, p plan) sample {
	pool := newPool()
	return sideBySide(threads, p, func() func() int {
		held := make([]*item, size, max(size, 64)) // no line is shared with another goroutine's
		return func() int {
			for range chunk / size {
				for i := range held {
					b := get(pool)
					write(b)
					held[i] = b
				}
				for _, b := range held {
					put(pool, b)
				}
			}
			return chunk / size * size
		}
	})
}

// A channel between two goroutines whose receiver spins, as in src/workload.rs: one of Go's own would let both take
// turns on one core, and nothing would be handed from thread to thread.
type channel struct {
	slots    [2 * carriers][]*item
	_        [64]byte
	sent     atomic.Uint64
	_        [64]byte
	received atomic.Uint64
	_        [64]byte
}

// There is room for every message there is, and one to say that it is over.
func (c *channel) send(message []*item) {
	sent := c.sent.Load()
	c.slots[sent%uint64(len(c.slots))] = message
	c.sent.Store(sent + 1)
}

func (c *channel) receive() []*item {
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

// One goroutine fills messages, the other empties them and sends them back. Where the items are not pooled they stay
// in the message: so that is what the messages themselves cost.
func handOff(size int, pooled bool, p plan) sample {
	pool := newPool()
	full, vacant := new(channel), new(channel)
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
	s := sideBySide(1, p, func() func() int {
		return func() int {
			for range chunk / size {
				carrier := vacant.receive()
				if pooled {
					for i := range carrier {
						b := get(pool)
						write(b)
						carrier[i] = b
					}
				} else {
					for _, b := range carrier {
						write(b)
					}
				}
				full.send(carrier)
			}
			return chunk / size * size
		}
	})
	full.send(nil)
	done.Wait()
	return s
}

func main() {
	if len(os.Args) != 6 {
		fail("usage: SHAPE SIZE THREADS WARM_UP_MS MEASURED_MS")
	}
	size, threads := number(os.Args[2]), number(os.Args[3])
	p := plan{time.Duration(number(os.Args[4])) * time.Millisecond, time.Duration(number(os.Args[5])) * time.Millisecond}
	var s, carried sample
	switch os.Args[1] {
	case "pair":
		s = pair(threads, p)
	case "burst":
		s = burst(size, threads, p)
	case "hand-off":
		carried = handOff(size, false, p)
		s = handOff(size, true, p)
	default:
		fail("unknown shape " + os.Args[1])
	}
	fmt.Printf("warm_up_pairs=%d warm_up_made=%d pairs=%d made=%d wall_ns=%d carried=%d carried_wall_ns=%d\n",
		s.warmUp.pairs, s.warmUp.made, s.measured.pairs, s.measured.made, s.wall.Nanoseconds(),
		carried.measured.pairs, carried.wall.Nanoseconds())
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		fail("not a number: " + text)
	}
	return n
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "error: "+message)
	os.Exit(2)
}
