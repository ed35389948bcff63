// Package nodeipam gives each node a range of pod addresses out of the
// cluster's ranges.
package nodeipam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
)

const component = "node-ipam-controller"

// Range is one of the cluster's ranges and the size of a node's part of it.
type Range struct {
	CIDR netip.Prefix
	// NodeBits is the prefix length of a node's range, such as 24.
	NodeBits int
}

// Controller assigns ranges. A range belongs to the node that was given it
// until that node is deleted.
type Controller struct {
	ranges []Range
	nodes  client.Resource[*corev1.Node]
	view   client.Informer[*corev1.Node]
	loop   *reconcile.Loop
	events *events.Recorder

	mu    sync.Mutex // guards what follows
	taken map[netip.Prefix]string
	next  []uint64 // where to look next, for each range
}

// New returns the controller; at most one range of each IP family. It fails on
// ranges that cannot be divided.
func New(api client.Interface, informers *client.Informers, ranges []Range) (*Controller, error) {
	for i, r := range ranges {
		if r.NodeBits < r.CIDR.Bits() || r.NodeBits > r.CIDR.Addr().BitLen() || r.NodeBits-r.CIDR.Bits() > 16 {
			return nil, fmt.Errorf("divide %s into ranges of /%d for nodes: want between /%d and 16 bits more", r.CIDR, r.NodeBits, r.CIDR.Bits())
		}
		ranges[i].CIDR = r.CIDR.Masked()
	}
	c := &Controller{
		ranges: ranges, nodes: client.Of(api, client.Nodes), view: client.InformerOf(informers, client.Nodes),
		events: events.NewRecorder(api, "cidrAllocator", ""), taken: map[netip.Prefix]string{}, next: make([]uint64, len(ranges)),
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	changed := func(node *corev1.Node) {
		c.occupy(node)
		if len(node.Spec.PodCIDRs) == 0 && node.Spec.PodCIDR == "" {
			c.loop.Add(client.KeyOf(node))
		}
	}
	c.view.Handle(client.Handler[*corev1.Node]{Add: changed, Update: func(_, node *corev1.Node) { changed(node) }, Delete: c.release})
	return c, nil
}

// Run assigns until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, 1)
	return nil
}

// occupy notes the ranges that the node has.
func (c *Controller) occupy(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cidr := range append([]string{node.Spec.PodCIDR}, node.Spec.PodCIDRs...) {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			c.taken[prefix.Masked()] = node.Name
		}
	}
}

func (c *Controller) release(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for prefix, owner := range c.taken {
		if owner == node.Name {
			delete(c.taken, prefix)
		}
	}
}

var errFull = errors.New("no range is left")

// allocate finds a free part of each range, or what the node was given before.
func (c *Controller) allocate(name string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var cidrs []string
	for i, r := range c.ranges {
		prefix, err := c.find(i, r, name)
		if err != nil {
			return nil, err
		}
		c.taken[prefix] = name
		cidrs = append(cidrs, prefix.String())
	}
	return cidrs, nil
}

func (c *Controller) find(i int, r Range, name string) (netip.Prefix, error) {
	for prefix, owner := range c.taken {
		if owner == name && r.CIDR.Overlaps(prefix) && prefix.Bits() == r.NodeBits {
			return prefix, nil
		}
	}
	count := uint64(1) << (r.NodeBits - r.CIDR.Bits())
	for n := range count {
		at := (c.next[i] + n) % count
		prefix := part(r, at)
		if _, ok := c.taken[prefix]; !ok {
			c.next[i] = at + 1
			return prefix, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("allocate out of %s: %w", r.CIDR, errFull)
}

// part returns the n-th node range of r.
func part(r Range, n uint64) netip.Prefix {
	raw := r.CIDR.Addr().AsSlice()
	shift := len(raw)*8 - r.NodeBits
	carry := uint64(0)
	for i := len(raw) - 1 - shift/8; i >= 0 && n|carry > 0; i-- {
		low := n & 0xff
		if i == len(raw)-1-shift/8 {
			low = (n << (shift % 8)) & 0xff
			n >>= 8 - shift%8
		} else {
			n >>= 8
		}
		sum, _ := bits.Add64(uint64(raw[i]), low, 0)
		sum += carry
		raw[i], carry = byte(sum), sum>>8
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(addr, r.NodeBits)
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	node, ok := c.view.Get("", key.Name)
	if !ok || node.DeletionTimestamp != nil || len(node.Spec.PodCIDRs) > 0 || node.Spec.PodCIDR != "" || len(c.ranges) == 0 {
		return nil
	}
	cidrs, err := c.allocate(node.Name)
	if err != nil {
		c.events.Event(node, corev1.EventTypeNormal, "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", node.Name)
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": node.UID}, "spec": map[string]any{"podCIDR": cidrs[0], "podCIDRs": cidrs},
	})
	if err != nil {
		return err
	}
	_, err = c.nodes.Patch(ctx, "", node.Name, types.MergePatchType, patch)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("give node %s the range %v: %w", node.Name, cidrs, err)
	}
	return nil
}
