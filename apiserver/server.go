package apiserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"minke/apiserver/admission"
	"minke/store/cache"
)

// Server is the API. It is an http.Handler and, for clients in this process, a
// source of shared objects (see Snapshot and WatchShared).
type Server struct {
	cfg     Config
	log     *slog.Logger
	routes  atomic.Pointer[routes]
	metrics *metrics
	reads   inflight
	writes  inflight
	cancel  context.CancelFunc
	// actions are those of Config.Actions and Handle.
	actions map[string]http.Handler
	budget  budgets
	setting sync.Mutex // held while routes are replaced
	keepers []admission.Keeper
	// checkers are the plug-ins that are asked with validation.
	checkers []admission.Checker
	packed   packedLists
}

var _ http.Handler = (*Server)(nil)

// budgets are shared by the caches of all resources.
type budgets struct{ encodings, decoded *cache.Budget }

// New returns a server of cfg.Resources. It reads nothing from the store until
// a request needs it. Close releases it.
func New(cfg Config) (*Server, error) {
	if cfg.Store == nil || len(cfg.Resources) == 0 {
		return nil, errors.New("make API server: a store and resources must be configured")
	}
	cfg.Limits.fill()
	fill(&cfg.KeptBytes, 64<<20)
	if cfg.Context == nil {
		cfg.Context = context.Background()
	}
	if cfg.Log == nil {
		cfg.Log = slogDefault()
	}
	s := &Server{cfg: cfg, log: cfg.Log, actions: map[string]http.Handler{}, keepers: cfg.Admission.Keepers(), checkers: cfg.Admission.Checkers()}
	s.Handle(cfg.Actions)
	s.cfg.Context, s.cancel = context.WithCancel(cfg.Context)
	s.reads = make(inflight, cfg.Limits.Reads)
	s.writes = make(inflight, cfg.Limits.Writes)
	s.metrics = newMetrics(s)
	s.budget = budgets{cache.NewBudget(cfg.KeptBytes), cache.NewBudget(cache.DecodedBudget)}
	table, err := newRoutes(cfg.Resources, s.budget, &s.cfg)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.routes.Store(table)
	return s, nil
}

func slogDefault() *slog.Logger { return slog.Default().With("part", "apiserver") }

// Close ends all watches and the server's caches. The store stays open.
func (s *Server) Close() {
	s.cancel()
	for _, c := range s.routes.Load().caches {
		c.Close()
	}
}
