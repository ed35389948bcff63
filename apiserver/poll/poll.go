// Package poll lets those who keep a processor busy for long see to it that
// packets are noticed meanwhile.
//
// Go's scheduler looks at the network when a processor has nothing else to run,
// and otherwise every 10 ms. A server in which one request hands the processor
// to the next, or that sends long answers, never has nothing to run: whoever
// sends it something is not noticed for as long. runtime.Gosched does not help,
// since who yields is itself something to run.
package poll

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// every is how long packets may wait, as far as it is Network that notices them.
// A look costs some 2 µs.
const every = 100 * time.Microsecond

// start is what times are counted from, and latest when somebody looked.
var (
	start  = time.Now()
	latest atomic.Int64
)

// working is how many work; processors is read once, since to ask stops others.
var (
	working    atomic.Int32
	processors = int32(runtime.GOMAXPROCS(0))
)

// Working counts those who keep a processor busy. While they are fewer than the
// processors, the scheduler looks at the network by itself.
func Working(more int32) { working.Add(more) }

// Network lets what packets have made ready run first, unless somebody has seen
// to that just now. It is to be called by whoever would otherwise go on, or hand
// on the processor, while others wait.
func Network() {
	if working.Load() < processors {
		return
	}
	now, before := int64(time.Since(start)), latest.Load()
	if now-before < int64(every) || !latest.CompareAndSwap(before, now) {
		return
	}
	look()
}

// An event is something of the network that is ready when we say so. Whoever
// waits for it waits until the scheduler has looked at the network.
type event struct {
	file  *os.File
	raw   syscall.RawConn
	await func(fd uintptr) bool
	asked bool
	err   error
}

// events are those that nobody waits for. One for each processor is enough,
// since whoever waits has none.
var events = sync.OnceValue(func() chan *event {
	all := make(chan *event, runtime.NumCPU())
	for range cap(all) {
		if e, err := newEvent(); err == nil {
			all <- e
		}
	}
	return all
})

func newEvent() (*event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	e := &event{file: os.NewFile(uintptr(fd), "eventfd")}
	if e.raw, err = e.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, e.file.Close())
	}
	e.await = e.ask
	return e, nil
}

// look returns when the scheduler has looked at the network and those have run
// whom it found ready: it takes them last come, first served, so that they would
// stand behind this one.
func look() {
	select {
	case e := <-events():
		e.asked = false
		if errors.Join(e.raw.Read(e.await), e.err) == nil {
			events() <- e
		}
	default:
	}
	runtime.Gosched()
}

// ask makes the event ready, and returns true once that was noticed. It is never
// read: each write is noticed anew, and there is room for 2^64.
func (e *event) ask(fd uintptr) bool {
	if e.asked {
		return true
	}
	e.asked = true
	one := [8]byte{1}
	if _, err := unix.Write(int(fd), one[:]); err != nil {
		e.err = err
		return true
	}
	return false
}
