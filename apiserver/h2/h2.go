// Package h2 serves HTTP/2 (RFC 9113) over TLS to net/http handlers, for a
// server of many small answers and of watches that each get a frame now and
// then. What net/http does with four goroutines and six hand-overs for an
// answer, this does with one write:
//
//	reader ── frames ──> streams ──> worker: the handler
//	                                   │ HEADERS, DATA
//	                                   v
//	                          output of the connection ── one write ──> TLS
//
// A handler's frames go into the connection's output under its lock. Whoever
// finds nobody writing writes all that is there; the others leave theirs and go
// on, and wait only when the output has grown large: answers that are ready
// together leave together.
//
// Every frame that a client may send is bounded: running handlers, header
// bytes, what is buffered of bodies, resets, and answers to control frames. A
// client that does not take what it is sent loses its connection.
package h2

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// Options bound what a connection may use. Zero values mean the defaults.
type Options struct {
	// Streams is how many requests a connection may have at a time (250).
	Streams uint32
	// HeaderBytes bounds a request's header (1 MiB, as http.Server does).
	HeaderBytes uint32
	// Idle is how long a connection may have no request (90 s).
	Idle time.Duration
	// Ping is after how much silence a client is asked whether it is there, and
	// Pong how long it may take to answer (30 s, 15 s).
	Ping, Pong time.Duration
	// Stall is how long a client may refuse to take what it is sent (30 s).
	Stall time.Duration
	Log   *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Streams == 0 {
		o.Streams = 250
	}
	if o.HeaderBytes == 0 {
		o.HeaderBytes = http.DefaultMaxHeaderBytes
	}
	if o.Idle == 0 {
		o.Idle = 90 * time.Second
	}
	if o.Ping == 0 {
		o.Ping = 30 * time.Second
	}
	if o.Pong == 0 {
		o.Pong = 15 * time.Second
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// front is what the connections of one http.Server share.
type front struct {
	Options
	gate   *gate
	mu     sync.Mutex // guards both
	conns  map[*conn]struct{}
	closed bool
}

// Configure lets server speak HTTP/2 by this package. It must be called before
// the server serves TLS.
func Configure(server *http.Server, o Options) {
	f := newFront(o)
	if server.TLSNextProto == nil {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	server.TLSNextProto[http2.NextProtoTLS] = func(_ *http.Server, c *tls.Conn, h http.Handler) { f.serve(c, h) }
	server.RegisterOnShutdown(f.shutdown)
}

func newFront(o Options) *front {
	return &front{Options: o.withDefaults(), conns: map[*conn]struct{}{}, gate: newGate(runtime.GOMAXPROCS(0))}
}

// serve returns when the connection has ended and all its handlers have.
func (f *front) serve(tlsConn *tls.Conn, h http.Handler) {
	base := context.Background()
	if b, ok := h.(interface{ BaseContext() context.Context }); ok {
		base = b.BaseContext()
	}
	c := newConn(f, tlsConn, h, base)
	f.mu.Lock()
	f.conns[c] = struct{}{}
	closed := f.closed
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.conns, c)
	}()
	if closed {
		c.drain()
	}
	c.serve()
}

// shutdown lets every connection end once its requests are answered.
func (f *front) shutdown() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for c := range f.conns {
		c.drain()
	}
}
