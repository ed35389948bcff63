package devicetainteviction

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"minke/client"
)

// deadline tells until when the pod may stay, if anything limits that, and which of
// the rules have a part in it.
func (c *Controller) deadline(pod *corev1.Pod, rules []*resourcev1.DeviceTaintRule) (until time.Time, by []*resourcev1.DeviceTaintRule, affected bool) {
	if gone(pod) {
		return until, nil, false
	}
	limit := func(result *resourcev1.DeviceRequestAllocationResult, t *resourcev1.DeviceTaint) bool {
		end, ends := bears(result, t)
		if ends && (!affected || end.Before(until)) {
			until, affected = end, true
		}
		return ends
	}
	for _, result := range c.devicesOf(pod) {
		for _, t := range c.taints(result) {
			limit(result, &t)
		}
		for _, r := range rules {
			if selects(r, result.Driver, result.Pool, result.Device) && limit(result, &r.Spec.Taint) && !slices.Contains(by, r) {
				by = append(by, r)
			}
		}
	}
	return until, by, affected
}

// devicesOf are the devices allocated to claims that are reserved for the pod.
func (c *Controller) devicesOf(pod *corev1.Pod) (all []*resourcev1.DeviceRequestAllocationResult) {
	for _, claim := range c.claims.Indexed(byPod, client.KeyOf(pod).String()) {
		reserved := slices.ContainsFunc(claim.Status.ReservedFor, func(r resourcev1.ResourceClaimConsumerReference) bool { return r.UID == pod.UID })
		if !reserved || claim.Status.Allocation == nil {
			continue
		}
		for i := range claim.Status.Allocation.Devices.Results {
			all = append(all, &claim.Status.Allocation.Devices.Results[i])
		}
	}
	return all
}

// taints are those of the device's slice, of the newest generation of its pool.
func (c *Controller) taints(result *resourcev1.DeviceRequestAllocationResult) (taints []resourcev1.DeviceTaint) {
	generation := int64(-1)
	for _, s := range c.slices.Indexed(byPool, result.Driver+"/"+result.Pool) {
		if s.Spec.Pool.Generation < generation {
			continue
		}
		if s.Spec.Pool.Generation > generation {
			generation, taints = s.Spec.Pool.Generation, nil
		}
		for _, d := range s.Spec.Devices {
			if d.Name == result.Device {
				taints = append(taints, d.Taints...)
			}
		}
	}
	return taints
}

// selects tells whether the rule taints the device; without a selector it taints
// none.
func selects(r *resourcev1.DeviceTaintRule, driver, pool, device string) bool {
	s := r.Spec.DeviceSelector
	matches := func(wanted *string, value string) bool { return wanted == nil || *wanted == value }
	return s != nil && matches(s.Driver, driver) && matches(s.Pool, pool) && matches(s.Device, device)
}

// bears tells until when the allocation bears a taint: the shortest time of its
// tolerations counts, and one without a time is for good.
func bears(result *resourcev1.DeviceRequestAllocationResult, t *resourcev1.DeviceTaint) (until time.Time, ends bool) {
	if t.Effect != resourcev1.DeviceTaintEffectNoExecute {
		return until, false
	}
	var stay time.Duration
	found := false
	for i := range result.Tolerations {
		toleration := &result.Tolerations[i]
		if toleration.Effect != resourcev1.DeviceTaintEffectNoExecute || !tolerates(toleration, t) {
			continue
		}
		if toleration.TolerationSeconds == nil {
			return until, false
		}
		seconds := time.Duration(max(0, *toleration.TolerationSeconds)) * time.Second
		if !found || seconds < stay {
			stay, found = seconds, true
		}
	}
	if t.TimeAdded != nil {
		until = t.TimeAdded.Add(stay)
	}
	return until, true
}

func tolerates(t *resourcev1.DeviceToleration, taint *resourcev1.DeviceTaint) bool {
	if t.Key != "" && t.Key != taint.Key {
		return false
	}
	return t.Operator == resourcev1.DeviceTolerationOpExists || t.Value == taint.Value
}
