package node

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"minke/client"
	"minke/kubelet/cri"
)

const (
	// checkPeriod is how often the node looks at itself, notReadyPeriod while
	// it is not ready, reportPeriod how often an unchanged status is written.
	checkPeriod    = 10 * time.Second
	notReadyPeriod = 500 * time.Millisecond
	reportPeriod   = 5 * time.Minute
	// maxImages bounds the images listed in the status.
	maxImages = 50
)

// Config is what the node says of itself.
type Config struct {
	Name    string
	Labels  map[string]string
	Taints  []corev1.Taint
	IPs     []string
	Port    int32
	Version string
	// Capacity and Allocatable of the node.
	Capacity, Allocatable corev1.ResourceList
	API                   client.Interface
	Runtime               cri.Runtime
	Images                cri.Images
	// Record takes events about the node.
	Record func(kind, reason, message string)
	// Pressures returns the conditions that eviction owns.
	Pressures func() []corev1.NodeCondition
}

// Manager keeps one node object.
type Manager struct {
	Config
	nodes client.Resource[*corev1.Node]
	log   *slog.Logger
	wake  chan struct{}
	// registered is closed when the node is known to be in the API.
	registered chan struct{}

	mu      sync.Mutex // guards node and podCIDR
	node    *corev1.Node
	podCIDR string

	// Owned by Run.
	reported time.Time
	ready    bool
}

// New returns a manager of the node.
func New(c Config) *Manager {
	return &Manager{Config: c, nodes: client.Of(c.API, client.Nodes), wake: make(chan struct{}, 1), registered: make(chan struct{}),
		log: slog.Default().With("part", "kubelet", "of", "node")}
}

// Wake makes the node look at itself now: something it depends on has changed.
func (m *Manager) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Node returns the newest known object, or nil before registration.
func (m *Manager) Node() *corev1.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}

// Seen takes the node as an informer delivers it.
func (m *Manager) Seen(node *corev1.Node) {
	m.mu.Lock()
	changed := m.podCIDR != node.Spec.PodCIDR
	m.set(node)
	m.mu.Unlock()
	if changed {
		m.Wake()
	}
}

// Run registers the node and keeps its status until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	for {
		after := checkPeriod
		if err := m.sync(ctx); err != nil {
			if ctx.Err() == nil {
				m.log.Warn("sync node", "node", m.Name, "err", err)
			}
			after = notReadyPeriod
		} else if !m.ready {
			after = notReadyPeriod
		}
		t := time.NewTimer(after)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-m.wake:
			t.Stop()
		case <-t.C:
		}
	}
}

func (m *Manager) sync(ctx context.Context) error {
	node, err := m.nodes.Get(ctx, "", m.Name)
	if apierrors.IsNotFound(err) {
		node, err = m.register(ctx)
	}
	if err != nil {
		return err
	}
	if node, err = m.reconcile(ctx, node); err != nil {
		return err
	}
	if err := m.passPodCIDR(ctx, node.Spec.PodCIDR); err != nil {
		m.log.Warn("tell the runtime the pods' addresses", "err", err)
	}
	update := node.DeepCopy()
	m.setStatus(ctx, update)
	if same(node.Status, update.Status) && time.Since(m.reported) < reportPeriod {
		m.keep(node)
		return nil
	}
	answer, err := m.nodes.UpdateStatus(ctx, update)
	if err != nil {
		if apierrors.IsConflict(err) {
			m.Wake()
			return nil
		}
		return fmt.Errorf("write status of node %s: %w", m.Name, err)
	}
	m.reported = time.Now()
	m.keep(answer)
	return nil
}

func (m *Manager) keep(node *corev1.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(node)
}

// set needs m.mu held.
func (m *Manager) set(node *corev1.Node) {
	if m.node == nil {
		close(m.registered)
	}
	m.node = node
}

// Registered is closed once the node is in the API.
func (m *Manager) Registered() <-chan struct{} { return m.registered }

// same compares statuses apart from heartbeats.
func same(a, b corev1.NodeStatus) bool {
	a, b = *a.DeepCopy(), *b.DeepCopy()
	for _, s := range []*corev1.NodeStatus{&a, &b} {
		for i := range s.Conditions {
			s.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
	}
	return equality.Semantic.DeepEqual(a, b)
}

func (m *Manager) labels() map[string]string {
	out := map[string]string{
		corev1.LabelHostname: m.Name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
		"beta.kubernetes.io/os": runtime.GOOS, "beta.kubernetes.io/arch": runtime.GOARCH,
	}
	for k, v := range m.Labels {
		out[k] = v
	}
	return out
}

func (m *Manager) register(ctx context.Context) (*corev1.Node, error) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: m.Name, Labels: m.labels()}}
	node.Spec.Taints = m.Taints
	m.setStatus(ctx, node)
	created, err := m.nodes.Create(ctx, node)
	if apierrors.IsAlreadyExists(err) {
		return m.nodes.Get(ctx, "", m.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("register node %s: %w", m.Name, err)
	}
	return created, nil
}

// reconcile gives a node that exists already the labels that are ours.
func (m *Manager) reconcile(ctx context.Context, node *corev1.Node) (*corev1.Node, error) {
	update := node.DeepCopy()
	changed := false
	for k, v := range m.labels() {
		if update.Labels[k] != v {
			metav1.SetMetaDataLabel(&update.ObjectMeta, k, v)
			changed = true
		}
	}
	if !changed {
		return node, nil
	}
	answer, err := m.nodes.Update(ctx, update)
	if err != nil {
		return nil, fmt.Errorf("update labels of node %s: %w", m.Name, err)
	}
	return answer, nil
}

func (m *Manager) passPodCIDR(ctx context.Context, cidr string) error {
	m.mu.Lock()
	known := m.podCIDR
	m.mu.Unlock()
	if cidr == "" || cidr == known {
		return nil
	}
	_, err := m.Runtime.UpdateRuntimeConfig(ctx, &runtimeapi.UpdateRuntimeConfigRequest{
		RuntimeConfig: &runtimeapi.RuntimeConfig{NetworkConfig: &runtimeapi.NetworkConfig{PodCidr: cidr}}})
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.podCIDR = cidr
	m.mu.Unlock()
	return nil
}
