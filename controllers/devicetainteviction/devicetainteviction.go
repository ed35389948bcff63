// Package devicetainteviction deletes pods that use devices whose NoExecute taints
// their claims do not tolerate, or do not tolerate any longer (KEP-5055). Taints come
// from ResourceSlices and from DeviceTaintRules, whose conditions tell how far it is.
package devicetainteviction

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	component = "device-taint-eviction-controller"
	workers   = 8
)

// The kinds that the controller follows.
var (
	Claims = client.Kind[*resourcev1.ResourceClaim]{
		Resource: resourcev1.SchemeGroupVersion.WithResource("resourceclaims"), Kind: "ResourceClaim",
		New:     func() *resourcev1.ResourceClaim { return new(resourcev1.ResourceClaim) },
		NewList: func() runtime.Object { return new(resourcev1.ResourceClaimList) },
	}
	Slices = client.Kind[*resourcev1.ResourceSlice]{
		Resource: resourcev1.SchemeGroupVersion.WithResource("resourceslices"), Kind: "ResourceSlice",
		New:     func() *resourcev1.ResourceSlice { return new(resourcev1.ResourceSlice) },
		NewList: func() runtime.Object { return new(resourcev1.ResourceSliceList) },
		Cluster: true,
	}
	Rules = client.Kind[*resourcev1.DeviceTaintRule]{
		Resource: resourcev1.SchemeGroupVersion.WithResource("devicetaintrules"), Kind: "DeviceTaintRule",
		New:     func() *resourcev1.DeviceTaintRule { return new(resourcev1.DeviceTaintRule) },
		NewList: func() runtime.Object { return new(resourcev1.DeviceTaintRuleList) },
		Cluster: true,
	}
)

// byPod indexes claims by namespace/name of the pods that they are reserved for,
// byPool slices by driver/pool.
const byPod, byPool = "pod", "pool"

// Controller evicts pods. Its loop's keys are pods', and rules' without namespace.
type Controller struct {
	pods   client.Resource[*corev1.Pod]
	status client.Resource[*resourcev1.DeviceTaintRule]
	view   client.Informer[*corev1.Pod]
	claims client.Informer[*resourcev1.ResourceClaim]
	slices client.Informer[*resourcev1.ResourceSlice]
	rules  client.Informer[*resourcev1.DeviceTaintRule]
	loop   *reconcile.Loop
	events *events.Recorder

	mu      sync.Mutex
	evicted map[types.UID]int // guarded by mu: pods by rule, since the start
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		pods: client.Of(api, client.Pods), status: client.Of(api, Rules), view: client.InformerOf(informers, client.Pods),
		claims: client.InformerOf(informers, Claims), slices: client.InformerOf(informers, Slices), rules: client.InformerOf(informers, Rules),
		events: events.NewRecorder(api, component, ""), evicted: map[types.UID]int{},
	}
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, c.sync)
	c.claims.AddIndex(byPod, func(claim *resourcev1.ResourceClaim) (keys []string) {
		for _, key := range podsOf(claim) {
			keys = append(keys, key.String())
		}
		return keys
	})
	c.slices.AddIndex(byPool, func(s *resourcev1.ResourceSlice) []string { return []string{s.Spec.Driver + "/" + s.Spec.Pool.Name} })
	c.view.Handle(client.Handler[*corev1.Pod]{Add: c.look, Update: func(_, pod *corev1.Pod) { c.look(pod) }})
	claimed := func(claim *resourcev1.ResourceClaim) {
		for _, key := range podsOf(claim) {
			c.loop.Add(key)
		}
	}
	c.claims.Handle(client.Handler[*resourcev1.ResourceClaim]{Add: claimed, Update: func(_, claim *resourcev1.ResourceClaim) { claimed(claim) }})
	sliced := func(s *resourcev1.ResourceSlice) {
		if slices.ContainsFunc(s.Spec.Devices, func(d resourcev1.Device) bool { return len(d.Taints) > 0 }) {
			c.lookAll()
		}
	}
	c.slices.Handle(client.Handler[*resourcev1.ResourceSlice]{Add: sliced, Update: func(_, s *resourcev1.ResourceSlice) { sliced(s) }})
	ruled := func(r *resourcev1.DeviceTaintRule) {
		c.lookAll()
		c.loop.Add(client.KeyOf(r))
	}
	c.rules.Handle(client.Handler[*resourcev1.DeviceTaintRule]{
		Add: ruled,
		Update: func(old, r *resourcev1.DeviceTaintRule) {
			if old.UID != r.UID || old.Generation != r.Generation {
				ruled(r)
			}
		},
		Delete: func(r *resourcev1.DeviceTaintRule) {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.evicted, r.UID)
		},
	})
	return c
}

// Run evicts until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.view.Synced(), c.claims.Synced(), c.slices.Synced(), c.rules.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { c.events.Run(ctx) })
	c.loop.Run(ctx, workers)
	return nil
}

// podsOf are the pods that an allocated claim is reserved for.
func podsOf(claim *resourcev1.ResourceClaim) (keys []client.Key) {
	if claim.Status.Allocation == nil {
		return nil
	}
	for _, r := range claim.Status.ReservedFor {
		if r.APIGroup == "" && r.Resource == "pods" {
			keys = append(keys, client.Key{Namespace: claim.Namespace, Name: r.Name})
		}
	}
	return keys
}

func (c *Controller) look(pod *corev1.Pod) {
	if len(pod.Spec.ResourceClaims) > 0 || pod.Status.ExtendedResourceClaimStatus != nil {
		c.loop.Add(client.KeyOf(pod))
	}
}

func (c *Controller) lookAll() {
	for _, claim := range c.claims.List("", nil) {
		for _, key := range podsOf(claim) {
			c.loop.Add(key)
		}
	}
}

func (c *Controller) sync(ctx context.Context, key client.Key) error {
	if key.Namespace == "" {
		return c.tell(ctx, key)
	}
	pod, ok := c.view.Get(key.Namespace, key.Name)
	if !ok {
		return nil
	}
	until, by, affected := c.deadline(pod, c.rules.List("", nil))
	if !affected {
		return nil
	}
	if left := time.Until(until); left > 0 {
		c.loop.AddAfter(key, left)
		return nil
	}
	if err := c.evict(ctx, pod); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range by {
		c.evicted[r.UID]++
		c.loop.AddAfter(client.KeyOf(r), period)
	}
	return nil
}

func (c *Controller) evict(ctx context.Context, pod *corev1.Pod) error {
	marked := pod.DeepCopy()
	condition := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
		Reason: "DeletionByDeviceTaintManager", Message: "Device Taint manager: deleting due to NoExecute taint",
	}
	marked.Status.Conditions = append(slices.DeleteFunc(marked.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type }), condition)
	if _, err := c.pods.UpdateStatus(ctx, marked); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("mark pod %s: %w", client.KeyOf(pod), err)
	}
	c.events.Event(pod, corev1.EventTypeNormal, "DeviceTaintManagerEviction", "Marking for deletion")
	err := c.pods.Delete(ctx, pod.Namespace, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("evict pod %s: %w", client.KeyOf(pod), err)
	}
	return nil
}

// gone tells a pod that nothing needs to be done about.
func gone(pod *corev1.Pod) bool {
	return pod.Spec.NodeName == "" || pod.DeletionTimestamp != nil || podcontrol.Finished(pod)
}
