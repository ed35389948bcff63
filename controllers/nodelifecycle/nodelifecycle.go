// Package nodelifecycle notices nodes that fall silent: it sets their
// conditions to Unknown, taints them by their conditions, and marks their pods
// as not ready.
package nodelifecycle

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"golang.org/x/time/rate"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "node-controller"
	workers   = 4
)

// Options say how patient the controller is. They are flags of
// kube-controller-manager; zero values mean its defaults.
type Options struct {
	// GracePeriod is how long a node may be silent (40 s).
	GracePeriod time.Duration
	// StartupGracePeriod is how long a node may take to report for the first
	// time (60 s).
	StartupGracePeriod time.Duration
	// EvictionRate bounds how many nodes a second begin to lose their pods (0.1):
	// a failure that looks like many nodes' is more likely our own. Nil means the
	// default, zero none.
	EvictionRate *float64
}

func (o *Options) fill() {
	o.GracePeriod = cmp.Or(o.GracePeriod, 40*time.Second)
	o.StartupGracePeriod = cmp.Or(o.StartupGracePeriod, time.Minute)
	if o.EvictionRate == nil {
		o.EvictionRate = new(0.1)
	}
}

// Controller watches over nodes.
type Controller struct {
	nodes     client.Resource[*corev1.Node]
	pods      client.Resource[*corev1.Pod]
	view      client.Informer[*corev1.Node]
	podView   client.Informer[*corev1.Pod]
	leases    client.Informer[*coordinationv1.Lease]
	loop      *reconcile.Loop
	events    *events.Recorder
	evictions *rate.Limiter
	options   Options

	mu sync.Mutex // guards what follows
	// heard is when each node's lease or status last moved, by our own clock:
	// clocks of nodes may be wrong.
	heard map[string]time.Time
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers, options Options) *Controller {
	options.fill()
	c := &Controller{
		options: options,
		nodes:   client.Of(api, client.Nodes), pods: client.Of(api, client.Pods),
		view: client.InformerOf(informers, client.Nodes), podView: client.InformerOf(informers, client.Pods),
		leases: client.InformerOf(informers, client.Leases, client.InNamespace(corev1.NamespaceNodeLease)),
		events: events.NewRecorder(api, component, ""), heard: map[string]time.Time{},
		evictions: rate.NewLimiter(rate.Limit(*options.EvictionRate), 1),
	}
	c.loop = reconcile.New("node-lifecycle-controller", reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.podView.AddIndex("node", func(pod *corev1.Pod) []string { return []string{pod.Spec.NodeName} })
	c.view.Handle(client.Handler[*corev1.Node]{Add: c.nodeAdded, Update: c.nodeChanged, Delete: c.nodeDeleted})
	c.leases.Handle(client.Handler[*coordinationv1.Lease]{
		Add: func(l *coordinationv1.Lease) { c.hear(l.Name) },
		Update: func(old, l *coordinationv1.Lease) {
			if !equality.Semantic.DeepEqual(old.Spec.RenewTime, l.Spec.RenewTime) {
				c.hear(l.Name)
			}
		},
	})
	c.podView.Handle(client.Handler[*corev1.Pod]{Add: c.podAdded})
	return c
}

// Run watches until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.leases.Synced(), c.podView.Synced()); err != nil {
		return fmt.Errorf("node-lifecycle-controller: %w", err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, workers)
	return nil
}

// hear notes that a node gave a sign of life.
func (c *Controller) hear(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[node] = time.Now()
}

// silence is how long the node has given no sign.
func (c *Controller) silence(node string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.heard[node]
	if !ok {
		at = time.Now()
		c.heard[node] = at
	}
	return time.Since(at)
}

func (c *Controller) nodeAdded(node *corev1.Node) {
	c.hear(node.Name)
	c.events.Event(node, corev1.EventTypeNormal, "RegisteredNode", "Node %s event: Registered Node %s in Controller", node.Name, node.Name)
	c.loop.Add(client.KeyOf(node))
}

func (c *Controller) nodeChanged(old, node *corev1.Node) {
	before, after := condition(old, corev1.NodeReady), condition(node, corev1.NodeReady)
	if after != nil && (before == nil || !before.LastHeartbeatTime.Equal(&after.LastHeartbeatTime)) {
		c.hear(node.Name)
	}
	if ready(old) != ready(node) {
		// Whether all nodes are gone decides about evictions on each.
		for _, other := range c.view.List("", nil) {
			c.loop.Add(client.KeyOf(other))
		}
		return
	}
	c.loop.Add(client.KeyOf(node))
}

func (c *Controller) nodeDeleted(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.heard, node.Name)
}

// podAdded looks at the node again: a pod bound to a silent node is not ready.
func (c *Controller) podAdded(pod *corev1.Pod) {
	if pod.Spec.NodeName != "" && podcontrol.Ready(pod) {
		if node, ok := c.view.Get("", pod.Spec.NodeName); ok && ready(node) != corev1.ConditionTrue {
			c.loop.Add(client.KeyOf(node))
		}
	}
}

func condition(node *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

func ready(node *corev1.Node) corev1.ConditionStatus {
	if c := condition(node, corev1.NodeReady); c != nil {
		return c.Status
	}
	return corev1.ConditionUnknown
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	node, ok := c.view.Get("", key.Name)
	if !ok || node.DeletionTimestamp != nil {
		return nil
	}
	grace := c.options.GracePeriod
	if condition(node, corev1.NodeReady) == nil {
		grace = c.options.StartupGracePeriod
	}
	if silence := c.silence(node.Name); silence >= grace {
		marked, err := c.markUnknown(ctx, node)
		if err != nil {
			return err
		}
		node = marked
	} else {
		c.loop.AddAfter(key, grace-silence)
	}
	if ready(node) != corev1.ConditionTrue {
		if err := c.markPods(ctx, node); err != nil {
			return err
		}
	}
	return c.taint(ctx, node)
}

// markUnknown sets the conditions that only the node itself could report.
func (c *Controller) markUnknown(ctx context.Context, node *corev1.Node) (*corev1.Node, error) {
	next := node.DeepCopy()
	now := metav1.Now()
	for _, kind := range []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure} {
		found := condition(next, kind)
		switch {
		case found == nil:
			next.Status.Conditions = append(next.Status.Conditions, corev1.NodeCondition{
				Type: kind, Status: corev1.ConditionUnknown, Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.",
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: now,
			})
		case found.Status != corev1.ConditionUnknown:
			found.Status, found.Reason, found.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
			found.LastTransitionTime = now
		}
	}
	if equality.Semantic.DeepEqual(node.Status, next.Status) {
		return node, nil
	}
	stored, err := c.nodes.UpdateStatus(ctx, next)
	if apierrors.IsNotFound(err) {
		return node, nil
	}
	if err != nil {
		return nil, fmt.Errorf("mark node %s as unknown: %w", node.Name, err)
	}
	c.events.Event(node, corev1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	return stored, nil
}

// markPods takes the node's pods out of their services.
func (c *Controller) markPods(ctx context.Context, node *corev1.Node) error {
	for _, pod := range c.podView.Indexed("node", node.Name) {
		if !podcontrol.Ready(pod) {
			continue
		}
		next := pod.DeepCopy()
		r := podcontrol.Condition(next, corev1.PodReady)
		r.Status, r.LastTransitionTime = corev1.ConditionFalse, metav1.Now()
		if _, err := c.pods.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("mark pod %s as not ready: %w", client.KeyOf(pod), err)
		} else if err == nil {
			c.events.Event(pod, corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
		}
	}
	return nil
}
