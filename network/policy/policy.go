// Package policy enforces NetworkPolicies for the pods of one node, by
// nftables. A pod that no policy selects is open; one that is selected takes
// and makes only the connections that a policy allows. What the node itself
// sends to its pods always passes, as do answers, and a pod's packets to itself.
//
//	informers ─► model of all rules (pure) ─► difference ─► one transaction
//
// It relies on the node routing every packet of its pods (see package cni).
package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"minke/client"
	"minke/network/nft"
)

// gap is the least time between two transactions.
const gap = 5 * time.Millisecond

// lookAfter is how often it makes sure that nobody removed the tables.
const lookAfter = time.Minute

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Config says whose pods are guarded.
type Config struct {
	NodeName string
	// Infrastructure are addresses on this node that every pod may always
	// reach: the cluster's DNS, which is no pod that a policy could allow.
	Infrastructure []netip.Addr
	// Table names the nftables tables; empty means minke-policy.
	Table string
	// Log is where it tells what it does; nil means slog's default.
	Log *slog.Logger
}

// Enforcer is one node's NetworkPolicies.
type Enforcer struct {
	cfg        Config
	log        *slog.Logger
	policies   client.Informer[*networkingv1.NetworkPolicy]
	pods       client.Informer[*corev1.Pod]
	namespaces client.Informer[*corev1.Namespace]
	rules      *nft.Conn
	tables     []*table
	ready      chan struct{}
	wake       chan struct{}
}

// New makes an enforcer for the calling thread's network namespace. It asks for
// its informers, which the caller starts.
func New(cfg Config, informers *client.Informers) (*Enforcer, error) {
	if cfg.Table == "" {
		cfg.Table = "minke-policy"
	}
	e := &Enforcer{cfg: cfg, log: cfg.Log, ready: make(chan struct{}), wake: make(chan struct{}, 1),
		policies:   client.InformerOf(informers, client.NetworkPolicies),
		pods:       client.InformerOf(informers, client.Pods),
		namespaces: client.InformerOf(informers, client.Namespaces),
	}
	if e.log == nil {
		e.log = slog.Default().With("part", "policy")
	}
	var err error
	if e.rules, err = nft.Open(); err != nil {
		return nil, fmt.Errorf("start network policies: %w", err)
	}
	for _, f := range nft.Families {
		e.tables = append(e.tables, newTable(f, cfg))
	}
	return e, nil
}

// Ready is closed when the policies that existed at start are enforced.
func (e *Enforcer) Ready() <-chan struct{} { return e.ready }

// Run enforces until ctx ends. The rules stay then.
func (e *Enforcer) Run(ctx context.Context) error {
	defer e.rules.Close()
	e.listen()
	for _, synced := range []<-chan struct{}{e.policies.Synced(), e.pods.Synced(), e.namespaces.Synced()} {
		select {
		case <-synced:
		case <-ctx.Done():
			return nil
		}
	}
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	pause, fresh := firstPause, true
	for ctx.Err() == nil {
		if err := e.apply(fresh); err != nil {
			e.log.Error("applying network policies failed, trying again from scratch", "err", err, "in", pause)
			fresh = true
			sleep(ctx, pause)
			pause = min(2*pause, lastPause)
			continue
		}
		if fresh {
			select {
			case <-e.ready:
			default:
				close(e.ready)
			}
		}
		pause, fresh = firstPause, false
		sleep(ctx, gap)
		select {
		case <-e.wake:
		case <-look.C:
			if fresh = !e.rules.Has(e.tables[0].nft, e.tables[1].nft); fresh {
				e.log.Warn("somebody removed the rules of network policies, writing them again")
			}
		case <-ctx.Done():
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (e *Enforcer) listen() {
	signal := func() {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
	e.policies.Handle(client.Handler[*networkingv1.NetworkPolicy]{
		Add: func(*networkingv1.NetworkPolicy) { signal() }, Delete: func(*networkingv1.NetworkPolicy) { signal() },
		Update: func(_, _ *networkingv1.NetworkPolicy) { signal() }})
	e.pods.Handle(client.Handler[*corev1.Pod]{
		Add: func(*corev1.Pod) { signal() }, Delete: func(*corev1.Pod) { signal() },
		Update: func(old, p *corev1.Pod) {
			if podMatters(old, p) {
				signal()
			}
		}})
	e.namespaces.Handle(client.Handler[*corev1.Namespace]{
		Add: func(*corev1.Namespace) { signal() },
		Update: func(old, n *corev1.Namespace) {
			if !maps.Equal(old.Labels, n.Labels) {
				signal()
			}
		}})
}

// podMatters leaves out the many changes of status that change no rule.
func podMatters(old, p *corev1.Pod) bool {
	return !maps.Equal(old.Labels, p.Labels) || old.Spec.NodeName != p.Spec.NodeName || ended(old) != ended(p) ||
		!slices.Equal(old.Status.PodIPs, p.Status.PodIPs)
}

func (e *Enforcer) apply(fresh bool) error {
	seen := snapshot{node: e.cfg.NodeName, policies: e.policies.List("", nil)}
	if len(seen.policies) > 0 {
		seen.pods, seen.namespaces = e.pods.List("", nil), e.namespaces.List("", nil)
	}
	return e.rules.Apply(func(tx nft.Tx) error {
		for _, t := range e.tables {
			if fresh {
				if err := t.create(tx); err != nil {
					return err
				}
			}
			if err := t.apply(tx, t.model(seen)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Cleanup removes the rules. It is for a node that goes away, after Run ended.
func Cleanup(tableName string) error {
	conn, err := nft.Open()
	if err != nil {
		return err
	}
	err = conn.Apply(func(tx nft.Tx) error {
		for _, f := range nft.Families {
			tx.Remove(newTable(f, Config{Table: tableName}).nft)
		}
		return nil
	})
	return errors.Join(err, conn.Close())
}
