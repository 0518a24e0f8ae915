// Measures sync.Pool, or a channel for a bounded workload, and prints one line, as `ebbtide-benches --sample` does.
//
//	ebbtide-benches-go -help
//
// The workloads are those of src/workload, line by line as far as the languages allow, with goroutines for threads.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	shape := flag.String("shape", "pair", "what a goroutine does with the pool")
	size := flag.Int("size", 1, "how many: items in use at once, or pools, as the shape has it")
	puts := flag.Int("puts", 1, "of them are put by put-first")
	item := flag.String("item", "buffer", "what is pooled: buffer; nothing, page or large in pair and burst")
	threads := flag.Int("threads", 1, "goroutines")
	var p plan
	flag.DurationVar(&p.warmUp, "warm-up", 20*time.Millisecond, "time before it counts")
	flag.DurationVar(&p.measured, "measured", 70*time.Millisecond, "time that counts")
	flag.IntVar(&p.shrink, "shrink", 1, "what numbers are divided by in a test")
	flag.Parse()
	var s sample
	switch *shape {
	case "pair":
		w := map[string]func(int, plan) work{
			"buffer": pair, "nothing": pairOf[nothing], "page": pairOf[page], "large": pairOf[large],
		}[*item](*threads, p)
		s = w.sample(*threads)
	case "burst":
		w := map[string]func(int, int, plan) work{
			"buffer": burst, "nothing": burstOf[nothing], "page": burstOf[page], "large": burstOf[large],
		}[*item](*size, *threads, p)
		s = w.sample(*threads)
	case "window":
		s = window(*size, *threads, p).sample(*threads)
	case "hand-off":
		s = handOff(*size, p, func() channel { return new(spinning) })
	case "hand-off-blocking":
		s = handOff(*size, p, func() channel { return make(blocking, carriers+1) })
	case "put-get":
		s = putGet(*threads, p).sample(*threads)
	case "put-first":
		s = putFirst(*puts, *size, *threads, p).sample(*threads)
	case "pause":
		s = pause(*size, p)
	case "work":
		s = costly(*size, *threads, p).sample(*threads)
	case "pools":
		s = inTurn(*size, p).sample(1)
	case "beside-pools":
		s = besidePools(*size, p).sample(1)
	case "churn":
		s = churn(*size, p)
	case "cold":
		s = cold(*size, p)
	case "latency":
		s = latency(*size, *threads, false, p)
	case "latency-sweeps":
		s = latency(*size, *threads, true, p)
	case "weight":
		s = weight(p)
	case "after-burst":
		s = afterBurst(*size, p)
	case "bounded-pairs":
		s = boundedPairs(*size, *threads, p)
	case "bounded-waits":
		s = boundedWaits(*size, *threads, false, p)
	case "bounded-given-up":
		s = boundedWaits(*size, *threads, true, p)
	default:
		fmt.Fprintln(os.Stderr, "error: unknown shape "+*shape)
		os.Exit(2)
	}
	for name, number := range s {
		fmt.Printf("%s=%g ", name, number)
	}
	fmt.Println()
}
