// Package scheduler assigns pods to nodes.
//
//	informers ──> cluster.Cache ── Snapshot ─┐
//	    │                                    v
//	    └───────> queue.Queue ── Pop ──> placement ──> assume ──> bind (API)
//	                   ^                     │ nobody will do       │ failed
//	                   │                     v                      │
//	                   └─── Return <── explain, preempt <───────────┘
//
// One goroutine decides, on an immutable snapshot and one pod at a time. What
// it assumes counts at once; telling the API takes place beside it.
//
// To add a rule, write a file in plugins and name it in newRules.
package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/events"
	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
	"minke/scheduler/queue"
)

// calls bounds the API calls that are under way beside the deciding goroutine.
const calls = 64

// Options tune a scheduler. The zero value is good.
type Options struct {
	// Name is the schedulerName of the pods that it cares for. It defaults to
	// default-scheduler.
	Name string
	// Chance decides between equally good nodes. It defaults to a random seed.
	Chance *rand.Rand
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Scheduler is made by New and does its work in Run.
type Scheduler struct {
	name     string
	api      client.Interface
	pods     client.Resource[*corev1.Pod]
	recorder *events.Recorder
	log      *slog.Logger

	informers sources
	cache     *cluster.Cache
	queue     *queue.Queue
	nominated *nominations
	place     *placement
	reservers []plugins.Reserver
	volumes   *plugins.VolumeBinding
	binder    plugins.Binder

	slots chan struct{} // a token for each API call under way
	calls sync.WaitGroup
}

// New returns a scheduler that hears of the cluster from informers, which its
// caller starts.
func New(api client.Interface, informers *client.Informers, opts Options) *Scheduler {
	if opts.Name == "" {
		opts.Name = corev1.DefaultSchedulerName
	}
	if opts.Chance == nil {
		opts.Chance = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if opts.Log == nil {
		opts.Log = slog.Default().With("part", "scheduler")
	}
	s := &Scheduler{
		name: opts.Name, api: api, pods: client.Of(api, client.Pods), log: opts.Log,
		recorder:  events.NewRecorder(api, opts.Name, ""),
		informers: newSources(informers),
		queue:     queue.New(),
		nominated: newNominations(),
		binder:    plugins.DefaultBinder{API: api},
		slots:     make(chan struct{}, calls),
	}
	s.cache = cluster.NewCache(s.namespaceLabels)
	volumes := &plugins.VolumeBinding{
		API: api, Nodes: s.informers.nodes, Claims: s.informers.claims, Volumes: s.informers.volumes, Classes: s.informers.classes,
	}
	s.volumes = volumes
	s.reservers = []plugins.Reserver{volumes}
	s.place = &placement{rules: newRules(volumes, s.siblings), chance: opts.Chance, nominated: s.nominated.on}
	s.handle()
	return s
}

// newRules lists the plugins. Cheap and decisive filters come first.
func newRules(volumes *plugins.VolumeBinding, siblings func(*corev1.Pod) labels.Selector) rules {
	spread := plugins.PodTopologySpread{Siblings: siblings}
	return rules{
		filters: []plugins.Filter{
			plugins.NodeUnschedulable{},
			plugins.NodeName{},
			plugins.TaintToleration{},
			plugins.NodeDeclaredFeatures{},
			plugins.NodeAffinity{},
			plugins.NodePorts{},
			plugins.NodeResourcesFit{},
			plugins.VolumeRestrictions{Claims: volumes.Claims},
			volumes,
			spread,
			plugins.InterPodAffinity{},
		},
		scorers: []plugins.Scorer{
			plugins.TaintToleration{},
			plugins.NodeAffinity{},
			plugins.NodeResourcesFit{},
			plugins.NodeResourcesBalancedAllocation{},
			plugins.ImageLocality{},
			spread,
			plugins.InterPodAffinity{},
		},
	}
}

// Run schedules pods until ctx ends, and returns when all that it began has
// ended too.
func (s *Scheduler) Run(ctx context.Context) error {
	s.calls.Go(func() { s.recorder.Run(ctx) })
	defer s.calls.Wait()
	if err := s.informers.wait(ctx); err != nil {
		return fmt.Errorf("wait for informers: %w", err)
	}
	s.log.Info("scheduling begins", "scheduler", s.name)
	for {
		item, err := s.queue.Pop(ctx)
		if err != nil {
			return nil // ctx ended
		}
		s.schedule(ctx, item)
	}
}

// call runs do beside the deciding goroutine, which waits while too many calls
// are under way: the API's pace is the scheduler's.
func (s *Scheduler) call(ctx context.Context, do func()) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	s.calls.Go(func() {
		defer func() { <-s.slots }()
		do()
	})
}
