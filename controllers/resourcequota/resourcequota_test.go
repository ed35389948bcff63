package resourcequota

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func quotaOf(spec, hard, used string) *corev1.ResourceQuota {
	list := func(n string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourcePods: resource.MustParse(n)}
	}
	return &corev1.ResourceQuota{
		Spec:   corev1.ResourceQuotaSpec{Hard: list(spec)},
		Status: corev1.ResourceQuotaStatus{Hard: list(hard), Used: list(used)},
	}
}

// TestDelay: what admission has just counted is not recounted before its
// object had the time to show.
func TestDelay(t *testing.T) {
	for name, c := range map[string]struct {
		old, now *corev1.ResourceQuota
		want     time.Duration
	}{
		"admission counts":       {quotaOf("2", "2", "0"), quotaOf("2", "2", "1"), settle},
		"another limit":          {quotaOf("2", "2", "1"), quotaOf("3", "2", "1"), 0},
		"a status of somebody":   {quotaOf("2", "2", "1"), quotaOf("2", "5", "1"), 0},
		"first status is missed": {quotaOf("2", "0", "0"), quotaOf("2", "0", "0"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := delay(c.old, c.now); got != c.want {
				t.Errorf("delay is %v, wanted %v", got, c.want)
			}
		})
	}
}
