package poll

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns both ends of a connection; ours has joined.
func pair(t testing.TB) (ours *Conn, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ours = New(c.(*net.TCPConn), raw)
	t.Cleanup(func() { ours.Close() })
	if err := ours.Join(); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// arrived returns when the kernel has told the set of what was sent, which it does
// in its own time on a busy machine. ok is for who has noticed that otherwise.
func arrived(t *testing.T, ok func() bool) {
	t.Helper()
	var ready [1]unix.EpollEvent
	for !ok() {
		n, err := unix.EpollWait(connections.fd, ready[:], 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		runtime.Gosched()
	}
}

// What has come is noticed by a look, and who waited for it runs once the
// processor is yielded, though the only one was never idle meanwhile.
func TestLook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ours, theirs := pair(t)
	var got atomic.Int32
	ended := make(chan error)
	go func() {
		buffer := make([]byte, 1)
		for {
			if _, err := ours.Read(buffer); err != nil {
				ended <- err
				return
			}
			got.Add(1)
		}
	}()
	for !ours.waiting.Load() {
		runtime.Gosched()
	}
	connections.mu.Lock()
	before := connections.wakes
	connections.mu.Unlock()
	for i := range int32(100) {
		if _, err := theirs.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		arrived(t, func() bool { return got.Load() == i+1 })
		for got.Load() != i+1 {
			connections.look()
			runtime.Gosched()
		}
	}
	// The scheduler may have noticed some itself, on a busy machine.
	connections.mu.Lock()
	woken := connections.wakes - before
	connections.mu.Unlock()
	if woken < 50 {
		t.Errorf("of 100 writes only %d were noticed by a look", woken)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// A reader who is woken though nothing has come waits on, and until the deadline
// that its user has set.
func TestWokenForNothing(t *testing.T) {
	ours, theirs := pair(t)
	for _, c := range []struct {
		name     string
		deadline time.Time
		send     bool
		err      error
	}{
		{"no deadline", time.Time{}, true, nil},
		{"a deadline to come", time.Now().Add(time.Hour), true, nil},
		{"a deadline that has passed", time.Now().Add(-time.Second), false, os.ErrDeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := ours.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			ours.wake()
			if err := ours.SetReadDeadline(c.deadline); err != nil { // while it is woken
				t.Fatal(err)
			}
			ours.wake()
			if c.send {
				if _, err := theirs.Write([]byte{1}); err != nil {
					t.Fatal(err)
				}
			}
			n, err := ours.Read(make([]byte, 1))
			if !errors.Is(err, c.err) || (n == 1) != c.send {
				t.Errorf("read %d bytes, %v; want %v", n, err, c.err)
			}
		})
	}
}

// Readers lose and double nothing while they are woken all the time.
func TestWokenAllTheTime(t *testing.T) {
	ours, theirs := pair(t)
	const size = 1 << 16
	sent := make(chan error, 1)
	go func() {
		for i := range size {
			if _, err := theirs.Write([]byte{byte(i), byte(i >> 8)}); err != nil {
				sent <- err
				return
			}
		}
		sent <- theirs.Close()
	}()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				ours.wake()
				connections.look()
				runtime.Gosched()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	buffer := make([]byte, 2*size)
	got := 0
	for got < len(buffer) {
		n, err := ours.Read(buffer[got:min(got+7, len(buffer))])
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	for i := range size {
		if buffer[2*i] != byte(i) || buffer[2*i+1] != byte(i>>8) {
			t.Fatalf("%d came as %v", i, buffer[2*i:2*i+2])
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// Who is closed is forgotten.
func TestClosed(t *testing.T) {
	ours, _ := pair(t)
	known := func() bool {
		connections.mu.Lock()
		defer connections.mu.Unlock()
		return connections.members[ours.id] == ours
	}
	if !known() {
		t.Fatal("not known after Join")
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if known() {
		t.Error("known after Close")
	}
	if err := ours.Join(); !errors.Is(err, net.ErrClosed) || known() {
		t.Errorf("joined when closed: %v", err)
	}
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		name    string
		working int32
		looks   bool
	}{
		{"a processor is idle", processors - 1, false},
		{"none is", processors, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			Working(c.working)
			defer Working(-c.working)
			latest.Store(-int64(every))
			before := latest.Load()
			Network()
			if looked := latest.Load() != before; looked != c.looks {
				t.Errorf("looked at the network: %v, want %v", looked, c.looks)
			}
		})
	}
}

func BenchmarkLook(b *testing.B) {
	pair(b)
	for b.Loop() {
		connections.look()
	}
}

// TestDeadlineIsTimeout: the reader's own deadline is a timeout to TLS, which ends
// the connection after any other error. net/http ends its reads so after each
// request of HTTP/1.1.
func TestDeadlineIsTimeout(t *testing.T) {
	c, _ := pair(t)
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
		t.Errorf("got %T: %v", err, err)
	}
}
