// Package dns is the cluster's DNS: Services and pods by name, as the
// Kubernetes DNS-Based Service Discovery specification 1.1 has it, and
// everything else from upstream. It answers from the informers' objects; there
// is no zone to rebuild. Every node runs one, on an address of its own
// (BindLocal), so that a pod's question never leaves the node.
package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"

	"minke/client"
)

// Limits on what clients can make the server hold.
const (
	maxTCPConnections = 512
	maxForwards       = 1024
	maxCached         = 16384
	tcpIdle           = 10 * time.Second
)

// Config says what is served where.
type Config struct {
	// Domain of the cluster; empty means cluster.local.
	Domain string
	// Listen are addresses for UDP and TCP.
	Listen []netip.AddrPort
	// Packets and Listeners are sockets opened elsewhere, served too. The
	// server closes them.
	Packets   []net.PacketConn
	Listeners []net.Listener
	// Upstreams answer what is not the cluster's, in order of preference. When
	// empty they are read from ResolvConf.
	Upstreams []netip.AddrPort
	// ResolvConf is a file; empty means /etc/resolv.conf.
	ResolvConf string
	// Log is where it tells what it does; nil means slog's default.
	Log *slog.Logger
}

// Server is one node's DNS.
type Server struct {
	cfg     Config
	log     *slog.Logger
	zone    *zone
	forward *forwarder
	packets []net.PacketConn
	streams []net.Listener
	ready   chan struct{}
}

// New opens the sockets in the calling thread's network namespace and asks for
// its informers, which the caller starts.
func New(cfg Config, informers *client.Informers) (*Server, error) {
	s := &Server{cfg: cfg, log: cfg.Log, packets: cfg.Packets, streams: cfg.Listeners, ready: make(chan struct{})}
	if s.log == nil {
		s.log = slog.Default().With("part", "dns")
	}
	domain := cfg.Domain
	if domain == "" {
		domain = "cluster.local"
	}
	s.zone = newZone(strings.ToLower(dns.Fqdn(domain)), informers)
	upstreams, err := findUpstreams(cfg)
	if err != nil {
		return nil, fmt.Errorf("start dns: %w", err)
	}
	for _, a := range cfg.Listen {
		if err := s.open(a); err != nil {
			s.close()
			return nil, fmt.Errorf("start dns: %w", err)
		}
	}
	s.forward = newForwarder(s.without(upstreams), s.log)
	return s, nil
}

func (s *Server) open(a netip.AddrPort) error {
	p, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return err
	}
	s.packets = append(s.packets, p)
	// The same port for both, also when it was chosen by the kernel.
	bound := p.LocalAddr().(*net.UDPAddr).AddrPort()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(bound))
	if err != nil {
		return err
	}
	s.streams = append(s.streams, l)
	return nil
}

// without leaves out the server itself: a question sent there would come back.
func (s *Server) without(upstreams []netip.AddrPort) []netip.AddrPort {
	var others []netip.AddrPort
	for _, u := range upstreams {
		itself := false
		for _, p := range s.packets {
			if own, ok := p.LocalAddr().(*net.UDPAddr); ok {
				a := own.AddrPort()
				itself = itself || a.Port() == u.Port() && (a.Addr().Unmap() == u.Addr() || a.Addr().IsUnspecified() && u.Addr().IsLoopback())
			}
		}
		if itself {
			s.log.Warn("leaving out an upstream that is this server itself", "upstream", u)
			continue
		}
		others = append(others, u)
	}
	return others
}

// Addresses are the addresses that UDP is served at.
func (s *Server) Addresses() []net.Addr {
	var all []net.Addr
	for _, p := range s.packets {
		all = append(all, p.LocalAddr())
	}
	return all
}

// Ready is closed when questions are answered.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run answers questions until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	if err := s.zone.wait(ctx); err != nil {
		return nil
	}
	var running sync.WaitGroup
	for _, p := range s.packets {
		for range runtime.GOMAXPROCS(0) {
			running.Go(func() { s.servePackets(ctx, p) })
		}
	}
	for _, l := range s.streams {
		stream := &dns.Server{Listener: netutil.LimitListener(l, maxTCPConnections), Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { s.answerStream(ctx, w, q) }),
			IdleTimeout: func() time.Duration { return tcpIdle }, ReadTimeout: tcpIdle, WriteTimeout: tcpIdle}
		running.Go(func() {
			if err := stream.ActivateAndServe(); err != nil && ctx.Err() == nil {
				s.log.Error("no longer answering over TCP", "err", err)
			}
		})
	}
	close(s.ready)
	<-ctx.Done()
	s.close()
	running.Wait()
	s.forward.wait()
	return nil
}

func (s *Server) close() {
	for _, p := range s.packets {
		p.Close()
	}
	for _, l := range s.streams {
		l.Close()
	}
}

// servePackets reads questions one at a time; several run on each socket. What
// the cluster knows is answered in place, the rest in a goroutine of its own.
func (s *Server) servePackets(ctx context.Context, p net.PacketConn) {
	in, out := make([]byte, dns.MaxMsgSize), make([]byte, maxUDP)
	for ctx.Err() == nil {
		n, from, err := readFrom(p, in)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer
		}
		q := new(dns.Msg)
		if n < headerSize || in[2]&responseBit != 0 {
			continue
		}
		if err := q.Unpack(in[:n]); err != nil {
			s.send(p, from, formatError(in[:headerSize]), out)
			continue
		}
		r, left := s.answer(q)
		if left == "" {
			s.send(p, from, fit(q, r), out)
			continue
		}
		s.complete(ctx, q, r, left, func(r *dns.Msg) { s.send(p, from, fit(q, r), make([]byte, maxUDP)) })
	}
}

func (s *Server) send(p net.PacketConn, to peer, r *dns.Msg, buffer []byte) {
	b, err := r.PackBuffer(buffer)
	if err != nil {
		s.log.Error("cannot encode an answer", "question", r.Question, "err", err)
		return
	}
	// A client that is gone is no concern of ours.
	_ = to.write(p, b)
}

func (s *Server) answerStream(ctx context.Context, w dns.ResponseWriter, q *dns.Msg) {
	r, left := s.answer(q)
	if left == "" {
		w.WriteMsg(r)
		return
	}
	done := make(chan struct{})
	s.complete(ctx, q, r, left, func(r *dns.Msg) { w.WriteMsg(r); close(done) })
	<-done
}

// complete asks upstream for the name that is left of q and sends the answer,
// together with r, what is known already.
func (s *Server) complete(ctx context.Context, q, r *dns.Msg, left string, send func(*dns.Msg)) {
	if r == nil {
		s.forward.do(ctx, q, send)
		return
	}
	rest := q.Copy()
	rest.Question[0].Name = left
	s.forward.do(ctx, rest, func(more *dns.Msg) { send(join(r, more)) })
}
