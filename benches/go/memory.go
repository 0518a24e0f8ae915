package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"unsafe"
)

// The bytes of a pool: unused, used once, and for each further item. Items are included. Nothing is collected meanwhile, so
// garbage counts too.
func weight(p plan) sample {
	debug.SetGCPercent(-1)
	pools := make([]sync.Pool, p.of(100))
	create := newPool().New
	used := growth(func() {
		for i := range pools {
			pools[i].New = create
			put(&pools[i], getWritten(&pools[i]))
		}
	})
	held := make([]*item, p.of(2048))
	first := &pools[0]
	before := made.Load()
	idle := growth(func() {
		for i := range held {
			held[i] = getWritten(first)
		}
		for _, b := range held {
			put(first, b)
		}
	})
	unused := float64(unsafe.Sizeof(sync.Pool{}))
	return sample{
		"unused_bytes": unused,
		"used_bytes":   unused + used/float64(len(pools)),
		"item_bytes":   idle / float64(made.Load()-before),
	}
}

// The growth of the heap in bytes.
func growth(body func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body()
	runtime.ReadMemStats(&after)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}

// Uses this many items at once and puts them back. Two collections later: how many of them the pool still has, and by how
// many MiB the process has grown. Items that it still has need not be made again.
func afterBurst(items int, p plan) sample {
	items = p.of(items)
	pool := newPoolOf[large]()
	held := make([]*large, items)
	before := resident()
	for i := range held {
		b := pool.Get().(*large)
		use(b)
		held[i] = b
	}
	for i, b := range held {
		pool.Put(b)
		held[i] = nil
	}
	runtime.GC()
	runtime.GC()
	after := resident()
	start := made.Load()
	for i := range held {
		held[i] = pool.Get().(*large)
	}
	s := sample{"held": float64(int64(items) - (made.Load() - start))}
	if before >= 0 && after >= 0 {
		s["resident_mib"] = (after - before) / 1024
	}
	return s
}

// Resident KiB of this process on Linux, or less than 0 elsewhere.
func resident() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return -1
	}
	for _, line := range strings.Split(string(status), "\n") {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			var kib float64
			if _, err := fmt.Sscan(rest, &kib); err == nil {
				return kib
			}
		}
	}
	return -1
}
