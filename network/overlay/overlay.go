// Package overlay makes the pods of all nodes reach one another: it keeps a
// route to each other node's pod networks, either through a VXLAN tunnel
// (RFC 7348) or, where all nodes are neighbours, directly (host-gw).
//
// The tunnel is directed, not learning: what a node needs to know of another
// one follows from that node's IP and pod networks, so that nothing has to be
// published.
//
//	route       10.244.2.0/24 via 10.244.2.0 dev minke.vxlan onlink
//	neighbour   10.244.2.0 is 0a:59:c0:00:02:0b   (made of 192.0.2.11)
//	forwarding  0a:59:c0:00:02:0b is behind 192.0.2.11
package overlay

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"minke/client"
)

// Backend is how packets travel between nodes.
type Backend string

const (
	// VXLAN tunnels, over any network between the nodes.
	VXLAN Backend = "vxlan"
	// HostGateway routes to the nodes themselves, which must be neighbours.
	HostGateway Backend = "host-gw"
)

const (
	// resync repairs what somebody else changed.
	resync    = time.Minute
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// Config says what the overlay is like.
type Config struct {
	NodeName string
	// NodeIP is this node's address that others reach it at.
	NodeIP netip.Addr
	// Backend; empty means VXLAN.
	Backend Backend
	// Device names the tunnel; empty means minke.vxlan.
	Device string
	// VNI is the tunnel's number; 0 means 1. Port is its UDP port; 0 means 8472.
	VNI, Port int
	// Log is where it tells what it does; nil means slog's default.
	Log *slog.Logger
}

// Overlay keeps one node's routes.
type Overlay struct {
	cfg    Config
	log    *slog.Logger
	nodes  client.Informer[*corev1.Node]
	kernel *netlink.Handle
	ready  chan struct{}
	wake   chan struct{}

	mu    sync.Mutex // guards dirty
	dirty map[string]bool

	// peers are the other nodes as the kernel knows them; used by Run only.
	peers map[string]peer
	link  netlink.Link
}

// New makes an overlay for the calling thread's network namespace. It asks for
// its informer, which the caller starts.
func New(cfg Config, informers *client.Informers) (*Overlay, error) {
	if cfg.Backend == "" {
		cfg.Backend = VXLAN
	}
	if cfg.Device == "" {
		cfg.Device = "minke.vxlan"
	}
	if cfg.VNI == 0 {
		cfg.VNI = 1
	}
	if cfg.Port == 0 {
		cfg.Port = 8472
	}
	cfg.NodeIP = cfg.NodeIP.Unmap()
	switch {
	case cfg.Backend != VXLAN && cfg.Backend != HostGateway:
		return nil, fmt.Errorf("start overlay: backend %q is neither %q nor %q", cfg.Backend, VXLAN, HostGateway)
	case !cfg.NodeIP.IsValid():
		return nil, fmt.Errorf("start overlay: the node's IP is missing")
	}
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("start overlay: %w", err)
	}
	o := &Overlay{cfg: cfg, log: cfg.Log, nodes: client.InformerOf(informers, client.Nodes), kernel: kernel,
		ready: make(chan struct{}), wake: make(chan struct{}, 1), dirty: map[string]bool{}, peers: map[string]peer{}}
	if o.log == nil {
		o.log = slog.Default().With("part", "overlay")
	}
	return o, nil
}

// Ready is closed when the nodes that existed at start are reachable.
func (o *Overlay) Ready() <-chan struct{} { return o.ready }

// Run keeps the routes until ctx ends. They stay then, so that pods go on
// reaching one another while the node's agent restarts.
func (o *Overlay) Run(ctx context.Context) error {
	defer o.kernel.Close()
	o.nodes.Handle(client.Handler[*corev1.Node]{Add: o.touch, Delete: o.touch, Update: func(old, n *corev1.Node) {
		if relevant(old, n) {
			o.touch(n)
		}
	}})
	select {
	case <-o.nodes.Synced():
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(resync)
	defer tick.Stop()
	wait, whole := firstWait, true
	for ctx.Err() == nil {
		var again <-chan time.Time
		if err := o.step(whole); err != nil {
			o.log.Error("some pods on other nodes cannot be reached", "err", err, "again in", wait)
			again, whole = time.After(wait), true
			wait = min(2*wait, lastWait)
		} else {
			if whole && o.link != nil {
				closeOnce(o.ready)
			}
			wait, whole = firstWait, o.link == nil
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-again:
		case <-tick.C:
			whole = true
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

func (o *Overlay) touch(n *corev1.Node) {
	o.mu.Lock()
	o.dirty[n.Name] = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// relevant tells whether a node's change can change a route; heartbeats do not.
func relevant(old, n *corev1.Node) bool {
	return fmt.Sprint(old.Spec.PodCIDRs, old.Spec.PodCIDR, old.Status.Addresses) != fmt.Sprint(n.Spec.PodCIDRs, n.Spec.PodCIDR, n.Status.Addresses)
}

func (o *Overlay) take() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	dirty := o.dirty
	o.dirty = map[string]bool{}
	return dirty
}

// Cleanup removes the tunnel and the routes. It is for a node that goes away,
// after Run ended, in the same network namespace.
func Cleanup(device string) error {
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("clean up overlay: %w", err)
	}
	defer kernel.Close()
	routes, err := ourRoutes(kernel)
	if err != nil {
		return fmt.Errorf("clean up overlay: %w", err)
	}
	for _, r := range routes {
		if err := kernel.RouteDel(&r); err != nil && !gone(err) {
			return fmt.Errorf("clean up overlay: remove route %s: %w", r.Dst, err)
		}
	}
	if device == "" {
		device = "minke.vxlan"
	}
	link, err := kernel.LinkByName(device)
	if err == nil {
		err = kernel.LinkDel(link)
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("clean up overlay: %w", err)
	}
	return nil
}
