package devicetainteviction

import (
	"context"
	"fmt"
	"strings"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// period is how long a rule's status waits for more to be told, while pods are
// evicted.
const period = 10 * time.Second

// tell writes into a rule's status how far eviction is; for one without effect, what
// would happen if it had that of NoExecute.
func (c *Controller) tell(ctx context.Context, key client.Key) error {
	r, ok := c.rules.Get("", key.Name)
	if !ok {
		return nil
	}
	old := meta.FindStatusCondition(r.Status.Conditions, resourcev1.DeviceTaintConditionEvictionInProgress)
	none := r.Spec.Taint.Effect == resourcev1.DeviceTaintEffectNone
	if none && old != nil && old.ObservedGeneration == r.Generation {
		return nil // told once
	}
	condition := c.condition(r)
	if condition.Status == metav1.ConditionTrue {
		c.loop.AddAfter(key, period)
	}
	next := r.DeepCopy()
	if !meta.SetStatusCondition(&next.Status.Conditions, condition) {
		return nil
	}
	if _, err := c.status.UpdateStatus(ctx, next); err != nil {
		return fmt.Errorf("tell of rule %s: %w", r.Name, err)
	}
	return nil
}

func (c *Controller) condition(r *resourcev1.DeviceTaintRule) metav1.Condition {
	condition := metav1.Condition{
		Type: resourcev1.DeviceTaintConditionEvictionInProgress, Status: metav1.ConditionFalse, ObservedGeneration: r.Generation,
	}
	c.mu.Lock()
	evicted := c.evicted[r.UID]
	c.mu.Unlock()
	pods, namespaces := c.pending(r)
	var words []string
	switch effect := r.Spec.Taint.Effect; {
	case effect == resourcev1.DeviceTaintEffectNoExecute && pods > 0:
		condition.Status, condition.Reason = metav1.ConditionTrue, "PodsPendingEviction"
		words = append(words, count(pods, "pod needs", "pods need")+" to be evicted in "+count(namespaces, "namespace.", "different namespaces."))
	case effect == resourcev1.DeviceTaintEffectNoExecute && evicted > 0:
		condition.Reason = "Completed"
	case effect == resourcev1.DeviceTaintEffectNoExecute:
		condition.Reason = "NotStarted"
	case effect == resourcev1.DeviceTaintEffectNone:
		condition.Reason = "NoEffect"
		published, allocated := c.devices(r)
		words = append(words,
			count(published, "published device selected.", "published devices selected."),
			count(allocated, "allocated device selected.", "allocated devices selected."),
			count(pods, "pod", "pods")+" would be evicted in "+count(namespaces, "namespace", "different namespaces")+" if the effect was NoExecute.",
			"This information will not be updated again. Recreate the DeviceTaintRule to trigger an update.")
	default:
		condition.Reason = "OtherEffect"
		words = append(words, "Eviction only happens for the NoExecute effect.")
	}
	if evicted > 0 {
		words = append(words, count(evicted, "pod", "pods")+" evicted since starting the controller.")
	}
	condition.Message = strings.Join(words, " ")
	return condition
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// pending counts the pods that the rule evicts, or would if it had that effect, and
// their namespaces.
func (c *Controller) pending(r *resourcev1.DeviceTaintRule) (pods, namespaces int) {
	as := r.DeepCopy()
	as.Spec.Taint.Effect = resourcev1.DeviceTaintEffectNoExecute
	seen, spaces := map[client.Key]bool{}, map[string]bool{}
	for _, claim := range c.claims.List("", nil) {
		for _, key := range podsOf(claim) {
			if seen[key] {
				continue
			}
			seen[key] = true
			pod, ok := c.view.Get(key.Namespace, key.Name)
			if !ok {
				continue
			}
			if _, by, _ := c.deadline(pod, []*resourcev1.DeviceTaintRule{as}); len(by) > 0 {
				pods++
				spaces[key.Namespace] = true
			}
		}
	}
	return pods, len(spaces)
}

// devices counts the devices that the rule selects: published ones, and allocated
// ones.
func (c *Controller) devices(r *resourcev1.DeviceTaintRule) (published, allocated int) {
	for _, s := range c.slices.List("", nil) {
		for _, d := range s.Spec.Devices {
			if selects(r, s.Spec.Driver, s.Spec.Pool.Name, d.Name) {
				published++
			}
		}
	}
	for _, claim := range c.claims.List("", nil) {
		if claim.Status.Allocation == nil {
			continue
		}
		for _, d := range claim.Status.Allocation.Devices.Results {
			if selects(r, d.Driver, d.Pool, d.Device) {
				allocated++
			}
		}
	}
	return published, allocated
}
