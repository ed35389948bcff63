// Package netnstest gives tests network namespaces of their own. They have no
// name anywhere and end with the test, even one that is killed.
package netnstest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience bounds every wait of a test that is about to fail.
const patience = 2 * time.Second

// NS is a network namespace.
type NS struct {
	t    testing.TB
	file *os.File
}

// New makes a namespace with its loopback up. It skips the test without root.
func New(t testing.TB) *NS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	n := &NS{t: t}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.file, err = os.Open("/proc/thread-self/ns/net")
		}
		if err == nil {
			err = netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: 1}})
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() { n.file.Close() })
	return n
}

// Path is where others can open it, as long as the test runs.
func (n *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Fd is its file descriptor.
func (n *NS) Fd() int { return int(n.file.Fd()) }

// Do runs f on a thread within the namespace. Failing in f must be by t.Error,
// not t.Fatal.
func (n *NS) Do(f func()) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(n.Fd(), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.t.Fatalf("enter network namespace: %v", err)
	}
}

// Try runs f within the namespace and fails the test with its error.
func (n *NS) Try(f func() error) {
	n.t.Helper()
	var err error
	n.Do(func() { err = f() })
	if err != nil {
		n.t.Fatal(err)
	}
}

// Serve answers every TCP connection and every UDP packet at addr with "name
// peer", until the test ends.
func (n *NS) Serve(addr, name string) {
	n.t.Helper()
	n.Try(func() error {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		n.t.Cleanup(func() { l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				fmt.Fprintf(c, "%s %s", name, host(c.RemoteAddr()))
				c.Close()
			}
		}()
		p, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		n.t.Cleanup(func() { p.Close() })
		go func() {
			b := make([]byte, 1500)
			for _, from, err := p.ReadFrom(b); err == nil; _, from, err = p.ReadFrom(b) {
				p.WriteTo(fmt.Appendf(nil, "%s %s", name, host(from)), from)
			}
		}()
		return nil
	})
}

func host(a net.Addr) string {
	return netip.MustParseAddrPort(a.String()).Addr().Unmap().String()
}

// Ask connects to addr ("tcp" or "udp") and returns what is answered.
func (n *NS) Ask(network, addr string) (answer string, err error) {
	n.t.Helper()
	return n.ask(patience, network, "", addr)
}

// AskFrom is Ask from a given local address.
func (n *NS) AskFrom(network, local, addr string) (answer string, err error) {
	n.t.Helper()
	return n.ask(patience, network, local, addr)
}

// AskWithin is Ask that gives up earlier, for what should not be answered.
func (n *NS) AskWithin(limit time.Duration, network, addr string) (answer string, err error) {
	n.t.Helper()
	return n.ask(limit, network, "", addr)
}

func (n *NS) ask(limit time.Duration, network, local, addr string) (answer string, err error) {
	n.t.Helper()
	n.Do(func() {
		d := net.Dialer{Timeout: limit}
		if local != "" {
			if network == "udp" {
				d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local))
			} else {
				d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))
			}
		}
		var c net.Conn
		if c, err = d.Dial(network, addr); err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(limit))
		if network == "udp" {
			if _, err = c.Write([]byte("?")); err != nil {
				return
			}
			b := make([]byte, 1500)
			var k int
			k, err = c.Read(b)
			answer = string(b[:k])
			return
		}
		var b []byte
		b, err = io.ReadAll(c)
		answer = string(b)
	})
	return answer, err
}

// Cable joins two namespaces by a veth pair with an address at each end.
func Cable(t testing.TB, a *NS, aName, aAddr string, b *NS, bName, bAddr string) {
	t.Helper()
	a.Try(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: aName, Flags: net.FlagUp},
			PeerName: bName, PeerNamespace: netlink.NsFd(b.Fd())})
	})
	a.Address(aName, aAddr)
	b.Address(bName, bAddr)
}

// Address gives the link an address (CIDR) and brings it up.
func (n *NS) Address(link, addr string) {
	n.t.Helper()
	n.Try(func() error {
		l, err := netlink.LinkByName(link)
		if err != nil {
			return err
		}
		p := netip.MustParsePrefix(addr)
		ip := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			ip.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(l, ip); err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
}

// Route adds a route to dst (CIDR) by way of gw.
func (n *NS) Route(dst, gw string) {
	n.t.Helper()
	n.Try(func() error {
		_, d, err := net.ParseCIDR(dst)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Dst: d, Gw: net.ParseIP(gw)})
	})
}
