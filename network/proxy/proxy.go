// Package proxy makes Services work on a node, by nftables: packets to a
// Service's addresses are sent to one of its endpoints. A packet costs a few
// hash look-ups however many Services there are; a change costs in proportion
// to the change and takes effect at once, in one transaction.
//
//	informers ─► dirty Services ─► wanted (pure) ─► difference ─► one transaction
//
// See table for the rules.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"minke/client"
	"minke/network/conntrack"
	"minke/network/nft"
)

// gap is the least time between two transactions: under a storm of changes
// each carries many. When idle a change is applied at once.
const gap = 3 * time.Millisecond

// lookAfter is how often it makes sure that nobody removed the tables.
const lookAfter = time.Minute

// Pauses after a failed transaction double from the first to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Config says what the proxy needs to know of its node.
type Config struct {
	// NodeName tells which endpoints are local, and the node's zone.
	NodeName string
	// NodeIPs are where node ports are served; empty means all of the node's
	// addresses but loopback.
	NodeIPs []netip.Addr
	// ClusterCIDRs are the networks of all pods. Packets to cluster IPs from
	// elsewhere are masqueraded; empty means none are.
	ClusterCIDRs []netip.Prefix
	// Local are cluster IPs that this node itself answers (the cluster's DNS):
	// they are left alone.
	Local []netip.Addr
	// AllowExternalIPs serves spec.externalIPs. Whoever can create a Service
	// can then take any address for itself (CVE-2020-8554).
	AllowExternalIPs bool
	// HealthzPort is where it answers how it is (/healthz, /livez); 0 means nowhere.
	HealthzPort int
	// Table names the nftables tables; empty means minke-proxy.
	Table string
	// Log is where it tells what it does; nil means slog's default.
	Log *slog.Logger
}

// Proxy is one node's service proxy.
type Proxy struct {
	cfg      Config
	log      *slog.Logger
	services client.Informer[*corev1.Service]
	slices   client.Informer[*discoveryv1.EndpointSlice]
	nodes    client.Informer[*corev1.Node]
	rules    *nft.Conn
	flows    *netlink.Handle
	tables   []*table
	health   *health
	ready    chan struct{}

	// healthzServer is used by the proxy's goroutine only.
	healthzServer *http.Server

	mu       sync.Mutex // guards dirty, zone and progress
	dirty    map[client.Key]bool
	zone     string
	progress progress
	wake     chan struct{}
}

// byService is the index of EndpointSlices by their Service.
const byService = "service"

// New makes a proxy for the calling thread's network namespace. It asks for its
// informers, which the caller starts.
func New(cfg Config, informers *client.Informers) (*Proxy, error) {
	if cfg.Table == "" {
		cfg.Table = "minke-proxy"
	}
	p := &Proxy{
		cfg: cfg, log: cfg.Log, dirty: map[client.Key]bool{}, wake: make(chan struct{}, 1), ready: make(chan struct{}),
		services: client.InformerOf(informers, client.Services),
		slices:   client.InformerOf(informers, client.EndpointSlices),
		nodes:    client.InformerOf(informers, client.Nodes),
	}
	if p.log == nil {
		p.log = slog.Default().With("part", "proxy")
	}
	var err error
	if p.rules, err = nft.Open(); err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	if p.flows, err = netlink.NewHandle(unix.NETLINK_NETFILTER); err != nil {
		p.rules.Close()
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	p.health = newHealth(p.log, func() bool {
		healthy, _ := p.healthy()
		return healthy
	})
	for _, f := range nft.Families {
		p.tables = append(p.tables, newTable(f, cfg))
	}
	p.slices.AddIndex(byService, func(s *discoveryv1.EndpointSlice) []string { return []string{serviceOf(s).String()} })
	return p, nil
}

func serviceOf(s *discoveryv1.EndpointSlice) client.Key {
	return client.Key{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
}

// Ready is closed when all Services that existed at start are served.
func (p *Proxy) Ready() <-chan struct{} { return p.ready }

// Run keeps the node's rules as the Services want them until ctx ends. The
// rules stay, so that Services go on working while the node's agent restarts.
// It must run in the network namespace that New was called in.
func (p *Proxy) Run(ctx context.Context) error {
	defer p.rules.Close()
	defer p.flows.Close()
	defer p.health.close()
	p.serveHealthz()
	defer p.closeHealthz()
	p.listen()
	for _, synced := range []<-chan struct{}{p.services.Synced(), p.slices.Synced(), p.nodes.Synced()} {
		select {
		case <-synced:
		case <-ctx.Done():
			return nil
		}
	}
	look := time.NewTicker(lookAfter)
	defer look.Stop()
	pause, built := firstPause, false
	for ctx.Err() == nil {
		var err error
		if built {
			err = p.update()
		} else {
			err = p.rebuild()
		}
		if err != nil {
			p.note(func(g *progress) { g.failed(time.Now()) })
			p.log.Error("applying Services failed, trying again from scratch", "err", err, "in", pause)
			built = false
			sleep(ctx, pause)
			pause = min(2*pause, lastPause)
			continue
		}
		p.note(func(g *progress) { g.succeeded(time.Now()) })
		if !built {
			built, pause = true, firstPause
			// The rules have made the kernel track connections.
			if err := conntrack.Tune(); err != nil {
				p.log.Warn("connections are tracked with the kernel's own settings", "err", err)
			}
			closeOnce(p.ready)
		}
		sleep(ctx, gap)
		select {
		case <-p.wake:
		case <-look.C:
			p.serveHealthz()
			if built = p.rules.Has(p.tables[0].nft, p.tables[1].nft); !built {
				p.log.Warn("somebody removed the rules of Services, writing them again")
			}
		case <-ctx.Done():
		}
	}
	return nil
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// listen turns changes into dirty Services.
func (p *Proxy) listen() {
	service := func(s *corev1.Service) { p.touch(client.KeyOf(s)) }
	slice := func(s *discoveryv1.EndpointSlice) { p.touch(serviceOf(s)) }
	p.services.Handle(client.Handler[*corev1.Service]{Add: service, Delete: service,
		Update: func(_, s *corev1.Service) { service(s) }})
	p.slices.Handle(client.Handler[*discoveryv1.EndpointSlice]{Add: slice, Delete: slice,
		Update: func(old, s *discoveryv1.EndpointSlice) { slice(old); slice(s) }})
	node := func(n *corev1.Node) {
		if n.Name == p.cfg.NodeName {
			p.setZone(n.Labels[corev1.LabelTopologyZone])
		}
	}
	p.nodes.Handle(client.Handler[*corev1.Node]{Add: node, Update: func(_, n *corev1.Node) { node(n) }})
}

func (p *Proxy) touch(k client.Key) {
	p.mu.Lock()
	p.dirty[k] = true
	p.progress.queued(time.Now())
	p.mu.Unlock()
	p.signal()
}

func (p *Proxy) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// setZone makes every Service dirty when the node's zone changes, since their
// choice of endpoints may depend on it.
func (p *Proxy) setZone(zone string) {
	p.mu.Lock()
	changed := zone != p.zone
	p.zone = zone
	p.mu.Unlock()
	if !changed {
		return
	}
	for _, s := range p.services.List("", nil) {
		p.touch(client.KeyOf(s))
	}
}

func (p *Proxy) take() map[client.Key]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.taken()
	dirty := p.dirty
	p.dirty = map[client.Key]bool{}
	return dirty
}

func (p *Proxy) here() place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return place{node: p.cfg.NodeName, zone: p.zone}
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
