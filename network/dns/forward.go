package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// How long upstreams may take: one attempt, and all together. A pod's resolver
// gives up after five seconds.
const (
	attempt = 2 * time.Second
	overall = 4500 * time.Millisecond
)

// question is what two clients have in common who ask the same.
type question struct {
	name   string
	kind   uint16
	secure bool // wants signatures (DO)
	strict bool // wants no validation upstream (CD)
}

func questionOf(q *dns.Msg) question {
	k := question{name: strings.ToLower(q.Question[0].Name), kind: q.Question[0].Qtype, strict: q.CheckingDisabled}
	if opt := q.IsEdns0(); opt != nil {
		k.secure = opt.Do()
	}
	return k
}

// forwarder asks upstream, each question once at a time, and remembers the
// answers.
type forwarder struct {
	upstreams []netip.AddrPort
	best      atomic.Uint32 // the upstream that answered last
	log       *slog.Logger
	cache     *cache
	slots     chan struct{}
	running   sync.WaitGroup

	mu     sync.Mutex // guards flights
	flight map[question]*flight
}

// flight is a question that is being asked upstream.
type flight struct {
	done   chan struct{}
	answer *dns.Msg // nil when nobody answered
	// ids are those of the messages sent upstream. One that comes in with such
	// an ID while the question is in flight is our own: the upstream asks us.
	ids map[uint16]bool // guarded by forwarder.mu
}

func newForwarder(upstreams []netip.AddrPort, log *slog.Logger) *forwarder {
	return &forwarder{upstreams: upstreams, log: log, cache: newCache(maxCached, time.Now), slots: make(chan struct{}, maxForwards), flight: map[question]*flight{}}
}

func (f *forwarder) wait() { f.running.Wait() }

// do answers q by send: at once what is remembered, later the rest. When too
// many wait already it says so.
func (f *forwarder) do(ctx context.Context, q *dns.Msg, send func(*dns.Msg)) {
	if r := f.cache.get(questionOf(q), q); r != nil {
		send(r)
		return
	}
	select {
	case f.slots <- struct{}{}:
	default:
		send(reply(q, dns.RcodeServerFailure))
		return
	}
	f.running.Go(func() {
		defer func() { <-f.slots }()
		send(f.ask(ctx, q))
	})
}

// ask waits for upstream's answer, its own or that of somebody who asks the
// same.
func (f *forwarder) ask(ctx context.Context, q *dns.Msg) *dns.Msg {
	k := questionOf(q)
	f.mu.Lock()
	fl, waiting := f.flight[k]
	if waiting && fl.ids[q.Id] {
		f.mu.Unlock()
		f.log.Error("an upstream sends questions back to this server", "question", k.name, "upstreams", f.upstreams)
		return reply(q, dns.RcodeServerFailure)
	}
	if !waiting {
		fl = &flight{done: make(chan struct{}), ids: map[uint16]bool{}}
		f.flight[k] = fl
	}
	f.mu.Unlock()
	if waiting {
		<-fl.done
	} else {
		f.fly(ctx, k, fl)
	}
	if fl.answer == nil {
		return reply(q, dns.RcodeServerFailure)
	}
	return asAnswerTo(q, fl.answer)
}

func (f *forwarder) fly(ctx context.Context, k question, fl *flight) {
	defer close(fl.done)
	ctx, cancel := context.WithTimeout(ctx, overall)
	defer cancel()
	r, err := f.exchange(ctx, k, fl)
	f.mu.Lock()
	delete(f.flight, k)
	f.mu.Unlock()
	if err != nil {
		f.log.Debug("no upstream answered", "question", k.name, "err", err)
		return
	}
	fl.answer = r
	f.cache.put(k, r)
}

// exchange asks one upstream after another, the one that answered last first.
func (f *forwarder) exchange(ctx context.Context, k question, fl *flight) (*dns.Msg, error) {
	if len(f.upstreams) == 0 {
		return nil, errors.New("no upstream is known")
	}
	var errs error
	first := f.best.Load()
	for i := range uint32(len(f.upstreams)) {
		at := (first + i) % uint32(len(f.upstreams))
		r, err := f.exchangeWith(ctx, f.upstreams[at], k, fl)
		if err == nil {
			f.best.Store(at)
			return r, nil
		}
		errs = errors.Join(errs, fmt.Errorf("ask %s: %w", f.upstreams[at], err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errs
}

// exchangeWith asks over UDP, from a new port each time so that answers are
// hard to forge, and over TCP what does not fit.
func (f *forwarder) exchangeWith(ctx context.Context, upstream netip.AddrPort, k question, fl *flight) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(k.name, k.kind)
	q.CheckingDisabled = k.strict
	q.SetEdns0(maxUDP, k.secure)
	f.mu.Lock()
	fl.ids[q.Id] = true
	f.mu.Unlock()
	udp := dns.Client{Net: "udp", Timeout: attempt, UDPSize: maxUDP}
	r, _, err := udp.ExchangeContext(ctx, q, upstream.String())
	if err == nil && r.Truncated {
		tcp := dns.Client{Net: "tcp", Timeout: attempt}
		r, _, err = tcp.ExchangeContext(ctx, q, upstream.String())
	}
	if err != nil {
		return nil, err
	}
	if r.Rcode == dns.RcodeServerFailure || r.Rcode == dns.RcodeRefused {
		return nil, fmt.Errorf("it answered %s", dns.RcodeToString[r.Rcode])
	}
	return r, nil
}

// asAnswerTo makes upstream's answer one to q.
func asAnswerTo(q, upstream *dns.Msg) *dns.Msg {
	r := upstream.Copy()
	r.Id, r.Question, r.Response, r.Compress, r.RecursionAvailable = q.Id, q.Question, true, true, true
	r.RecursionDesired, r.Authoritative = q.RecursionDesired, false
	for i, rr := range r.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			r.Extra = append(r.Extra[:i], r.Extra[i+1:]...)
			break
		}
	}
	if opt := q.IsEdns0(); opt != nil {
		r.SetEdns0(maxUDP, opt.Do())
	}
	return r
}
