package resource

import (
	"testing"
	"testing/synctest"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestTaintTimes: a taint is as old as its effect.
func TestTaintTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resource := deviceTaintRules()
		rule := &resourcev1.DeviceTaintRule{Spec: resourcev1.DeviceTaintRuleSpec{Taint: resourcev1.DeviceTaint{Key: "a", Effect: resourcev1.DeviceTaintEffectNone}}}
		resource.Default(rule)
		resource.PrepareForCreate(rule)
		made := rule.Spec.Taint.TimeAdded
		if made == nil || !made.Time.Equal(time.Now().Truncate(time.Second)) {
			t.Fatalf("added at %v", made)
		}
		time.Sleep(time.Minute)
		for name, c := range map[string]struct {
			change func(*resourcev1.DeviceTaint)
			after  time.Duration
		}{
			"another value":  {func(t *resourcev1.DeviceTaint) { t.Value = "b" }, 0},
			"another effect": {func(t *resourcev1.DeviceTaint) { t.Effect = resourcev1.DeviceTaintEffectNoExecute }, time.Minute},
			"another effect, and time": {func(t *resourcev1.DeviceTaint) {
				t.Effect, t.TimeAdded = resourcev1.DeviceTaintEffectNoExecute, new(metav1.NewTime(made.Add(time.Second)))
			}, time.Second},
		} {
			changed := rule.DeepCopy()
			c.change(&changed.Spec.Taint)
			resource.PrepareForUpdate(changed, rule)
			if got := changed.Spec.Taint.TimeAdded.Sub(made.Time); got != c.after || changed.Generation != 2 {
				t.Errorf("%s: added after %v, generation %d", name, got, changed.Generation)
			}
		}
	})
}
