// Package poll lets those who keep a processor busy for long see to it that
// packets are noticed meanwhile.
//
// Go's scheduler looks at the network when a processor has nothing else to run,
// and otherwise every 10 ms. A server in which one request hands the processor
// to the next, or that sends long answers, never has nothing to run: whoever
// sends it something is not noticed for as long. runtime.Gosched does not help,
// since who yields is itself something to run. So the connections are also in an
// epoll set of this package's own, which whoever is at work can ask at any time.
package poll

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// every is how long packets may wait, as far as it is Network that notices them.
// A look that finds nothing costs less than 1 µs.
const every = 50 * time.Microsecond

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

// Network lets those whom packets have made ready, and then those who stand in the
// processor's queue, run first, unless somebody has seen to that just now. It is to
// be called by whoever would otherwise go on, or hand on the processor, while
// others wait.
func Network() {
	if working.Load() < processors {
		return
	}
	now, before := int64(time.Since(start)), latest.Load()
	if now-before < int64(every) || !latest.CompareAndSwap(before, now) {
		return
	}
	if behind := connections.look(); behind != nil {
		<-behind
	}
}

// standInLine returns a channel that is closed when those have run who stand in the
// processor's queue, once anything is made ready after it.
//
// Who is made ready runs next, and sends who was to run next to the end of that
// queue. Go's scheduler would take whoever is made ready, and whom that makes
// ready, before the queue for 10 ms; runtime.Gosched would send us to another
// queue, which is looked at even less often.
func standInLine() chan struct{} {
	behind := make(chan struct{})
	go close(behind)
	return behind
}

// connections are those of the process that Network looks at.
var connections set

// set is an epoll set. It is level-triggered: who was noticed by the scheduler,
// and has read since, is not reported.
type set struct {
	mu      sync.Mutex // guards all below
	fd      int        // while members is not nil
	members map[int32]*Conn
	last    int32
	ready   [64]unix.EpollEvent // a look is for so many; the next is for others
	found   [64]*Conn           // those of ready that wait
	wakes   uint64
	// following is how many looks more give the processor's queue its turn.
	following int
}

// open makes the epoll set, once. s.mu must be held.
func (s *set) open() (err error) {
	if s.members != nil {
		return nil
	}
	if s.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		s.members = map[int32]*Conn{}
	}
	return err
}

// following is in how many looks after one that has woken somebody the processor's
// queue has its turn, too: there is where those stand who were woken, and those they
// make ready.
const following = 20

// look wakes those who wait for what has come, and returns what the caller is to
// wait for so that they run. Who was woken longest ago runs first.
func (s *set) look() (behind chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.members) == 0 {
		return nil
	}
	n, err := unix.EpollWait(s.fd, s.ready[:], 0)
	if err != nil {
		return nil // interrupted: the next look is soon
	}
	found := s.found[:0]
	for i := range n {
		if c := s.members[s.ready[i].Fd]; c != nil && c.waiting.Load() {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *Conn) int { return cmp.Compare(b.latest, a.latest) })
	if len(found) > 0 {
		behind = standInLine()
	}
	woken := false
	for _, c := range found {
		if c.wake() {
			s.wakes++
			c.latest = s.wakes
			woken = true
		}
	}
	clear(found)
	switch {
	case woken:
		s.following = following
	case s.following > 0:
		s.following--
		if behind == nil {
			behind = standInLine()
		}
		go func() {}() // sends behind to the end of the queue
	}
	return behind
}

func (s *set) add(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return err
	}
	for s.last++; s.members[s.last] != nil; s.last++ {
	}
	c.id = s.last
	// EpollEvent.Fd is what comes back, whatever it is.
	err := c.control(func(fd int) error {
		return unix.EpollCtl(s.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: c.id})
	})
	if err == nil {
		s.members[c.id] = c
	}
	return err
}

// remove forgets c. The kernel does by itself when the connection is closed.
func (s *set) remove(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, c.id)
}
