package devicetainteviction

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/fake"
)

func pod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
		Spec: corev1.PodSpec{NodeName: "n", ResourceClaims: []corev1.PodResourceClaim{{Name: "c"}}}}
}

// claim has the device allocated for the pod of its name.
func claim(name, device string, tolerations ...resourcev1.DeviceToleration) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Status: resourcev1.ResourceClaimStatus{
		ReservedFor: []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: name, UID: types.UID(name)}},
		Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Driver: "d", Pool: "p", Device: device, Tolerations: tolerations}}}},
	}}
}

func slice(name string, generation int64, effect resourcev1.DeviceTaintEffect) *resourcev1.ResourceSlice {
	return &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: resourcev1.ResourceSliceSpec{
		Driver: "d", Pool: resourcev1.ResourcePool{Name: "p", Generation: generation},
		Devices: []resourcev1.Device{{Name: "one", Taints: []resourcev1.DeviceTaint{taint(effect)}}, {Name: "two"}}}}
}

func taint(effect resourcev1.DeviceTaintEffect) resourcev1.DeviceTaint {
	return resourcev1.DeviceTaint{Key: "k", Value: "v", Effect: effect, TimeAdded: new(metav1.Now())}
}

func rule(effect resourcev1.DeviceTaintEffect, selector *resourcev1.DeviceTaintSelector) *resourcev1.DeviceTaintRule {
	return &resourcev1.DeviceTaintRule{ObjectMeta: metav1.ObjectMeta{Name: "r", UID: "r", Generation: 1}, Spec: resourcev1.DeviceTaintRuleSpec{DeviceSelector: selector, Taint: taint(effect)}}
}

func TestEvict(t *testing.T) {
	const noExecute, noSchedule, none = resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone
	all := &resourcev1.DeviceTaintSelector{}
	bearing := func(seconds *int64, key string) resourcev1.DeviceToleration {
		return resourcev1.DeviceToleration{Key: key, Operator: resourcev1.DeviceTolerationOpExists, Effect: noExecute, TolerationSeconds: seconds}
	}
	for name, c := range map[string]struct {
		claim  *resourcev1.ResourceClaim
		slices []*resourcev1.ResourceSlice
		rule   *resourcev1.DeviceTaintRule
		// after is when the pod goes; negative for never.
		after           time.Duration
		reason, message string
	}{
		"a slice's taint":           {claim: claim("a", "one"), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}},
		"of another device":         {claim: claim("a", "two"), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}, after: -1},
		"of an older generation":    {claim: claim("a", "one"), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute), slice("t", 2, noSchedule)}, after: -1},
		"a slice's taint, borne":    {claim: claim("a", "one", bearing(nil, "")), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}, after: -1},
		"borne for a while":         {claim: claim("a", "one", bearing(new(int64(60)), "k"), bearing(new(int64(90)), "")), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}, after: time.Minute},
		"another is borne":          {claim: claim("a", "one", bearing(nil, "x")), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}},
		"a rule's taint":            {claim: claim("a", "two"), rule: rule(noExecute, all), reason: "Completed", message: "1 pod evicted since starting the controller."},
		"a rule's taint, borne":     {claim: claim("a", "two", bearing(new(int64(60)), "")), rule: rule(noExecute, all), after: time.Minute, reason: "Completed", message: "1 pod evicted since starting the controller."},
		"a rule for another driver": {claim: claim("a", "two"), rule: rule(noExecute, &resourcev1.DeviceTaintSelector{Driver: new("x")}), after: -1, reason: "NotStarted"},
		"a rule for nothing":        {claim: claim("a", "two"), rule: rule(noExecute, nil), after: -1, reason: "NotStarted"},
		"a rule not to schedule":    {claim: claim("a", "two"), rule: rule(noSchedule, all), after: -1, reason: "OtherEffect", message: "Eviction only happens for the NoExecute effect."},
		"a rule without effect": {claim: claim("a", "two"), slices: []*resourcev1.ResourceSlice{slice("s", 1, none)}, rule: rule(none, all), after: -1, reason: "NoEffect",
			message: "2 published devices selected. 1 allocated device selected. 1 pod would be evicted in 1 namespace if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."},
		"not reserved": {claim: claim("b", "one"), slices: []*resourcev1.ResourceSlice{slice("s", 1, noExecute)}, after: -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Times were made outside of the bubble, whose clock began earlier.
				now := metav1.Now()
				api := fake.New(pod("a")).Guarded(t)
				create(t, api, Claims, c.claim.DeepCopy())
				for _, s := range c.slices {
					for i := range s.Spec.Devices {
						for j := range s.Spec.Devices[i].Taints {
							s.Spec.Devices[i].Taints[j].TimeAdded = &now
						}
					}
					create(t, api, Slices, s.DeepCopy())
				}
				if c.rule != nil {
					c.rule.Spec.Taint.TimeAdded = &now
					create(t, api, Rules, c.rule.DeepCopy())
				}
				ctx, cancel := context.WithCancel(t.Context())
				informers := client.NewInformers(api)
				controller := New(api, informers)
				informers.Start(ctx)
				go controller.Run(ctx)
				there := func() bool {
					pod, err := client.Of(api, client.Pods).Get(ctx, "ns", "a")
					if err != nil && !apierrors.IsNotFound(err) {
						t.Fatal(err)
					}
					return err == nil && pod.DeletionTimestamp == nil
				}
				if c.after > 0 {
					time.Sleep(c.after - time.Second)
					if !there() {
						t.Error("it went too early")
					}
					if c.rule != nil {
						wantCondition(t, api, "PodsPendingEviction", "1 pod needs to be evicted in 1 namespace.")
					}
				}
				time.Sleep(2*time.Second + 2*period)
				if there() != (c.after < 0) {
					t.Errorf("there: %v", there())
				}
				if c.rule != nil {
					wantCondition(t, api, c.reason, c.message)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

func create[T client.Object](t *testing.T, api client.Interface, kind client.Kind[T], obj T) {
	t.Helper()
	made, err := client.Of(api, kind).Create(t.Context(), obj.DeepCopyObject().(T))
	if err != nil {
		t.Fatal(err)
	}
	if claim, ok := any(obj).(*resourcev1.ResourceClaim); ok { // its status is written by itself
		allocated := any(made).(*resourcev1.ResourceClaim).DeepCopy()
		allocated.Status = claim.Status
		if _, err := client.Of(api, Claims).UpdateStatus(t.Context(), allocated); err != nil {
			t.Fatal(err)
		}
	}
}

func wantCondition(t *testing.T, api client.Interface, reason, message string) {
	t.Helper()
	r, err := client.Of(api, Rules).Get(t.Context(), "", "r")
	if err != nil {
		t.Fatal(err)
	}
	condition := meta.FindStatusCondition(r.Status.Conditions, "EvictionInProgress")
	if condition == nil || condition.Reason != reason || condition.Message != message || (condition.Status == metav1.ConditionTrue) != (reason == "PodsPendingEviction") {
		t.Errorf("the rule tells %s, want %s %q", fmt.Sprintf("%+v", condition), reason, message)
	}
}
