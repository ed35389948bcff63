// Package cni connects pods to the node's network: a bridge with the gateway's
// address, a veth pair for each pod, addresses out of the node's pod networks,
// host ports, and masquerading of what leaves the cluster. It works in the
// network namespace of the thread that calls New, by netlink only.
//
//	pod netns                     node netns
//	┌──────────────────────┐      ┌───────────────────────────────────────┐
//	│ eth0 10.244.1.5/32 ──┼──────┼─ vethXXXX ─┐ (isolated port)          │
//	│ default via .1       │      │            ├─ minke0 10.244.1.1/24 ── routes, nat
//	└──────────────────────┘      │ vethYYYY ──┘                          │
//	                              └───────────────────────────────────────┘
//
// Ports of the bridge are isolated from one another and a pod's address has no
// network of its own, so that packets between two pods of one node are routed
// by the node and not switched past it: Services and policies see them without
// bridge-nf-call. Nothing here sets route_localnet (CVE-2020-8558).
package cni

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"minke/network/nft"
)

// Config says how the node's pods are connected.
type Config struct {
	// StateDir holds the reservations; see records. It is made if missing.
	StateDir string
	// Bridge names the bridge; empty means minke0.
	Bridge string
	// Table names the nftables table; empty means minke-cni.
	Table string
	// Subnets are the node's pod networks, at most one of each family. They
	// may be given later, by SetSubnets.
	Subnets []netip.Prefix
	// ClusterCIDRs are the networks of all the cluster's pods: what goes there
	// keeps its source address. Subnets are added to them.
	ClusterCIDRs []netip.Prefix
	// MTU of pods' interfaces in bytes; 0 means that of the interface to the
	// default gateway, less what the overlay's tunnel needs.
	MTU int
	// Log is where it tells what it does; nil means slog's default.
	Log *slog.Logger
}

// HostPort is a port of the node that leads to a pod.
type HostPort struct {
	// HostIP limits it to one of the node's addresses; invalid means all.
	HostIP netip.Addr `json:"hostIP"`
	// HostPort and ContainerPort are port numbers.
	HostPort      uint16 `json:"hostPort"`
	ContainerPort uint16 `json:"containerPort"`
	// Protocol is TCP, UDP or SCTP; empty means TCP.
	Protocol string `json:"protocol"`
}

// Attachment is a pod sandbox to connect.
type Attachment struct {
	SandboxID string
	// NetNS is the path of its network namespace.
	NetNS        string
	HostPorts    []HostPort
	PodNamespace string
	PodName      string
	// PodUID is told to external plugins.
	PodUID string
}

// Network connects pods: Plugin does it in process, External by executing
// plugins that follow the CNI specification.
type Network interface {
	Setup(ctx context.Context, a Attachment) ([]netip.Addr, error)
	Teardown(ctx context.Context, a Attachment) error
	Ready() error
}

var _ Network = (*Plugin)(nil)

// ErrNoSubnet is why a node without a pod network is not ready.
var ErrNoSubnet = errors.New("the node has no pod network yet (spec.podCIDR)")

// Plugin is the embedded network.
type Plugin struct {
	cfg   Config
	log   *slog.Logger
	links *netlink.Handle
	rules *nft.Conn
	nat   *nat
	local *relays
	state *os.Root

	mu      sync.Mutex // guards what follows, and the files below state
	bridge  *netlink.Bridge
	ipam    *ipam
	records map[string]record
}

// New takes up the state that an earlier process left and makes the bridge if
// the subnets are known.
func New(cfg Config) (*Plugin, error) {
	cfg.Bridge = orElse(cfg.Bridge, "minke0")
	cfg.Table = orElse(cfg.Table, "minke-cni")
	p := &Plugin{cfg: cfg, log: cfg.Log, ipam: newIPAM(), records: map[string]record{}}
	if p.log == nil {
		p.log = slog.Default().With("part", "cni")
	}
	if err := p.open(); err != nil {
		p.Close()
		return nil, fmt.Errorf("start pod network: %w", err)
	}
	return p, nil
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func (p *Plugin) open() (err error) {
	if err := os.MkdirAll(p.cfg.StateDir, 0o700); err != nil {
		return err
	}
	if p.state, err = os.OpenRoot(p.cfg.StateDir); err != nil {
		return err
	}
	if p.links, err = netlink.NewHandle(unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	if p.cfg.MTU == 0 {
		if p.cfg.MTU, err = tunnelMTU(p.links); err != nil {
			return fmt.Errorf("find MTU: %w", err)
		}
	}
	if p.rules, err = nft.Open(); err != nil {
		return err
	}
	if p.local, err = newRelays(); err != nil {
		return err
	}
	p.nat = newNAT(p.cfg.Table, p.cfg.Bridge)
	if err := p.load(); err != nil {
		return err
	}
	for _, r := range p.records {
		if err := p.local.start(r); err != nil {
			p.log.Error("a host port of a running pod is closed", "pod", r.Pod, "err", err)
		}
	}
	return p.SetSubnets(p.cfg.Subnets)
}

// Close gives the handles back. Pods stay connected.
func (p *Plugin) Close() {
	if p.links != nil {
		p.links.Close()
	}
	if p.rules != nil {
		p.rules.Close()
	}
	if p.state != nil {
		p.state.Close()
	}
	if p.local != nil {
		p.local.close()
	}
}

// SetSubnets makes the bridge carry the gateway of each subnet, which is its
// first address. Pods that have addresses of earlier subnets keep them.
func (p *Plugin) SetSubnets(subnets []netip.Prefix) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(subnets) == 0 {
		return nil
	}
	if err := p.ipam.setSubnets(subnets); err != nil {
		return err
	}
	if err := p.ensureBridge(subnets); err != nil {
		return err
	}
	return p.rules.Apply(func(tx nft.Tx) error {
		return p.nat.write(tx, subnets, p.clusterCIDRs(), p.records)
	})
}

// Ready tells whether pods can be connected, and if not, why.
func (p *Plugin) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bridge == nil {
		return ErrNoSubnet
	}
	return nil
}

// Cleanup removes the bridge and the rules. It is for a node that goes away.
func (p *Plugin) Cleanup() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.rules.Apply(func(tx nft.Tx) error { tx.Remove(p.nat.table); return nil })
	if p.bridge != nil {
		err = errors.Join(err, p.links.LinkDel(p.bridge))
		p.bridge = nil
	}
	return err
}
