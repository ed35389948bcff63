package cluster

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// How far the heap may grow over what is in use before it is collected: as far
// as what is in use, as is Go's rule, but no more than slack bytes, or
// leastPercent of it where that is more. Much of a large heap is stored bytes,
// which cost a collection nothing: so memory is worth more than fewer of them.
const (
	slack        = 30 << 20
	leastPercent = 30
)

var collecting sync.Once

// collectSooner holds the heap to that, for the whole process, unless GOGC says
// otherwise.
func collectSooner() {
	collecting.Do(func() {
		if os.Getenv("GOGC") == "" {
			afterCollection(100)
		}
	})
}

// afterCollection sets the percentage anew whenever a collection has ended: the
// object that it leaves behind is found dead by the next one.
func afterCollection(percent int) {
	runtime.AddCleanup(new([16]byte), func(before int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		now := growth(live[0].Value.Uint64())
		// Setting it stops the world: small steps are not worth it.
		if now < before-3 || now > before+3 || now == 100 && before != 100 {
			debug.SetGCPercent(now)
		} else {
			now = before
		}
		afterCollection(now)
	}, percent)
}

// growth is by how many percent a heap of which live bytes are in use may grow.
func growth(live uint64) int {
	if live <= slack {
		return 100
	}
	return max(leastPercent, int(100*slack/live))
}
