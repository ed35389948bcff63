package flowcontrol

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Config is what a Controller is made of.
type Config struct {
	// Seats is how much the server does at a time, of all levels together.
	Seats int
	// Turns is how many requests of a level may keep a processor busy at a time.
	// Zero means turnsOfCore for each processor.
	Turns int
	// Wait bounds how long a request waits for a seat. Zero means 15 s.
	Wait time.Duration
	// Now defaults to time.Now.
	Now func() time.Time
}

// turnsOfCore is small, since whoever waits gives its turn up, and since a turn
// that a processor does not serve at once makes others wait for it unfairly.
const turnsOfCore = 1

// period is how often seats are moved between levels while somebody waits.
const period = 10 * time.Second

// Controller decides which request runs when. From the start it works by the
// bootstrap objects, and by those that are stored once they are Set.
type Controller struct {
	cfg     Config
	current atomic.Pointer[plan]
	setting sync.Mutex // held while the plan is replaced, or seats are moved
	// adjusting tells that a timer runs that will move seats.
	adjusting atomic.Bool
	fraction  float64 // the last one; guarded by setting
	closed    bool    // guarded by setting
}

// plan is a configuration in force. It never changes.
type plan struct {
	schemas []*matcher // by precedence
	levels  []*level   // by name
	dangles map[string]bool
}

// matcher is a FlowSchema whose level exists.
type matcher struct {
	name  string
	level *level
	flow  *flowStats
	rules []flowcontrolv1.PolicyRulesWithSubjects
	by    flowcontrolv1.FlowDistinguisherMethodType
	// seed is the hash of the name: flows of different schemas differ.
	seed uint64
	// exempt and maxSeats are the level's.
	exempt   bool
	maxSeats int
	// schemaUID and levelUID are header values.
	schemaUID, levelUID []string
}

// New returns a controller that works by the bootstrap objects.
func New(cfg Config) *Controller {
	if cfg.Seats <= 0 {
		cfg.Seats = 600
	}
	if cfg.Turns <= 0 {
		cfg.Turns = turnsOfCore * runtime.GOMAXPROCS(0)
	}
	if cfg.Wait <= 0 {
		cfg.Wait = 15 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Controller{cfg: cfg}
	c.current.Store(&plan{})
	c.Set(BootstrapSchemas(), BootstrapLevels())
	return c
}

// Seats returns how much the server does at a time.
func (c *Controller) Seats() int { return c.cfg.Seats }

// Close ends the moving of seats.
func (c *Controller) Close() {
	c.setting.Lock()
	defer c.setting.Unlock()
	c.closed = true
}

// Flow is what a request was found to belong to.
type Flow struct{ schema *matcher }

// Classify finds the flow schema of a request.
func (c *Controller) Classify(user *inprocess.User, info *request.Info) Flow {
	p := c.current.Load()
	for _, s := range p.schemas {
		if matches(s.rules, user, info) {
			return Flow{s}
		}
	}
	return Flow{p.schemas[len(p.schemas)-1]} // catch-all is the last
}

// The headers that tell a client how its request was classified.
const (
	schemaHeader = "X-Kubernetes-Pf-Flowschema-Uid"
	levelHeader  = "X-Kubernetes-Pf-Prioritylevel-Uid"
)

// Tell says in the answer how the request was classified.
func (f Flow) Tell(h http.Header) {
	h[schemaHeader] = f.schema.schemaUID
	h[levelHeader] = f.schema.levelUID
}

// Exempt tells whether the flow never waits, so that its width is nobody's
// concern.
func (f Flow) Exempt() bool { return f.schema.exempt }

// MaxSeats is the widest that a request of the flow may be.
func (f Flow) MaxSeats() int { return f.schema.maxSeats }

// Width is how much a request takes.
type Width struct {
	// Seats are taken while it runs, at least one.
	Seats int
	// After are taken for Extra, once it has been answered.
	After int
	Extra time.Duration
	// Write and Watch tell what the request does.
	Write, Watch bool
}

// Wait returns nil when the request may run; t then holds its seats until it is
// released. Otherwise the request is refused, with the reason that it returns.
func (c *Controller) Wait(ctx context.Context, f Flow, user *inprocess.User, info *request.Info, w Width, t *Ticket) error {
	s := f.schema
	*t = Ticket{level: s.level, flow: s.flow, seats: max(w.Seats, 1), after: w.After, extra: w.Extra,
		write: w.Write, watch: w.Watch, about: about{user: user, info: info}}
	waiter, why := s.level.arrive(t, s.hash(user, info), c.cfg.Now())
	if waiter != nil {
		why = c.wait(ctx, s.level, waiter)
	}
	if why != "" {
		t.level = nil
		return Refused{Reason: string(why)}
	}
	return nil
}

// wait returns when the request runs, or why it does not.
func (c *Controller) wait(ctx context.Context, l *level, w *waiter) refusal {
	timer := time.NewTimer(c.cfg.Wait)
	defer timer.Stop()
	why := timedOut
	select {
	case <-w.ready:
		return ""
	case <-timer.C:
	case <-ctx.Done():
		why = cancelled
	}
	if l.abandon(w, why, c.cfg.Now()) {
		return why
	}
	return "" // the seat came at the same moment
}

// Refused says why a request got no seat.
type Refused struct{ Reason string }

func (r Refused) Error() string { return "wait for a seat: " + r.Reason }

func (s *matcher) hash(user *inprocess.User, info *request.Info) uint64 {
	switch s.by {
	case flowcontrolv1.FlowDistinguisherMethodByUserType:
		return hashOf(s.seed, user.Name)
	case flowcontrolv1.FlowDistinguisherMethodByNamespaceType:
		return hashOf(s.seed, info.Namespace)
	}
	return hashOf(s.seed, "")
}

// press sees to it that seats are moved soon. It is called with a level's lock
// held.
func (c *Controller) press() {
	if c.adjusting.CompareAndSwap(false, true) {
		time.AfterFunc(period, c.adjust)
	}
}

// adjust moves seats to where they are needed, and again after a period, until
// nobody waits and every level has its own.
func (c *Controller) adjust() {
	c.setting.Lock()
	defer c.setting.Unlock()
	p := c.current.Load()
	now := c.cfg.Now()
	calm := true
	claims := make([]claim, len(p.levels))
	for i, l := range p.levels {
		l.mu.Lock()
		o := l.demand.end(now)
		claims[i] = claim{exempt: l.shape.exempt, nominal: l.shape.nominal, least: l.shape.least, most: l.shape.most, high: o.high, smoothed: o.smoothed}
		l.demand.last.target = claims[i].target()
		calm = calm && (l.shape.exempt || o.high <= l.shape.nominal)
		l.mu.Unlock()
	}
	limits, fraction := share(c.cfg.Seats, claims)
	c.fraction = fraction
	for i, l := range p.levels {
		if calm {
			limits[i] = claims[i].nominal
		}
		l.setLimit(limits[i], now)
	}
	if calm || c.closed {
		c.adjusting.Store(false)
		return
	}
	time.AfterFunc(period, c.adjust)
}
