package cni

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// relays carry connections to host ports of the loopback address. The kernel
// could translate those only with route_localnet, which would open the node's
// loopback services to its neighbours (CVE-2020-8558); so they are accepted
// here and continued to the pod.
type relays struct {
	netns *os.File // where to listen and to dial

	mu   sync.Mutex // guards open
	open map[string][]*relay
}

// relay is one listening port and its connections.
type relay struct {
	listener net.Listener
	to       netip.AddrPort

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// dialLimit bounds the wait for a pod that does not answer.
const dialLimit = 10 * time.Second

// acceptPause keeps a listener that cannot accept from using up a processor.
const acceptPause = 10 * time.Millisecond

func newRelays() (*relays, error) {
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	return &relays{netns: ns, open: map[string][]*relay{}}, nil
}

// within runs f in the node's network namespace, on a thread that ends with it.
func (r *relays) within(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(r.netns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter the node's network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// start listens for the sandbox's loopback ports, if it has some.
func (r *relays) start(rec record) error {
	r.stop(rec.Sandbox)
	var started []*relay
	for _, hp := range rec.HostPorts {
		if !hp.HostIP.IsLoopback() {
			continue
		}
		if hp.proto() != "TCP" {
			return fmt.Errorf("open host port %s of %s: not implemented for this protocol", hp, hp.HostIP)
		}
		to, ok := sameFamily(rec.Addresses, hp.HostIP)
		if !ok {
			continue
		}
		one := &relay{to: netip.AddrPortFrom(to, hp.ContainerPort), conns: map[net.Conn]bool{}}
		err := r.within(func() (err error) {
			one.listener, err = net.Listen("tcp", netip.AddrPortFrom(hp.HostIP, hp.HostPort).String())
			return err
		})
		if err != nil {
			for _, s := range started {
				s.close()
			}
			return fmt.Errorf("open host port %s of %s: %w", hp, hp.HostIP, err)
		}
		go one.accept(r)
		started = append(started, one)
	}
	if len(started) > 0 {
		r.mu.Lock()
		r.open[rec.Sandbox] = started
		r.mu.Unlock()
	}
	return nil
}

func sameFamily(addrs []netip.Addr, as netip.Addr) (netip.Addr, bool) {
	for _, a := range addrs {
		if a.Is4() == as.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// stop ends the sandbox's relays with their connections.
func (r *relays) stop(sandbox string) {
	r.mu.Lock()
	old := r.open[sandbox]
	delete(r.open, sandbox)
	r.mu.Unlock()
	for _, one := range old {
		one.close()
	}
}

func (r *relays) close() {
	r.mu.Lock()
	var sandboxes []string
	for s := range r.open {
		sandboxes = append(sandboxes, s)
	}
	r.mu.Unlock()
	for _, s := range sandboxes {
		r.stop(s)
	}
	r.netns.Close()
}

func (l *relay) close() {
	l.listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

func (l *relay) accept(r *relays) {
	for {
		in, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		} else if err != nil {
			// The client was gone already, or there are no descriptors left:
			// that ends only when somebody gives some back.
			time.Sleep(acceptPause)
			continue
		}
		if l.keep(in) {
			go l.carry(r, in)
		}
	}
}

// keep notes a connection, so that close ends it; not when it is too late.
func (l *relay) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		c.Close()
		return false
	}
	l.conns[c] = true
	return true
}

func (l *relay) drop(c net.Conn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// carry copies both ways until both sides have ended.
func (l *relay) carry(r *relays, in net.Conn) {
	defer l.drop(in)
	var out net.Conn
	err := r.within(func() (err error) {
		out, err = net.DialTimeout("tcp", l.to.String(), dialLimit)
		return err
	})
	if err != nil || !l.keep(out) {
		return // closing says it to the client
	}
	defer l.drop(out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(out, in)
	}()
	copyHalf(in, out)
	<-done
}

// copyHalf passes the end of one direction on; the other may go on.
func copyHalf(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
