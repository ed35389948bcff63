package resourcequota

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func claim(asked, had string) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "c"}}
	c.Spec.Resources.Requests = list("storage", "1Gi")
	c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName = &asked, &had
	return c
}

func attributesQuota(hard string) *corev1.ResourceQuota {
	q := quotaOf("q", list("requests.storage", hard), list("requests.storage", "0"))
	q.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
		{ScopeName: corev1.ResourceQuotaScopeVolumeAttributesClass, Operator: corev1.ScopeSelectorOpIn, Values: []string{"gold"}},
	}}
	return q
}

// TestUpdatesIntoScope: what an update brings into a quota's scope counts there as
// if it were new.
func TestUpdatesIntoScope(t *testing.T) {
	ending := func(class string) *corev1.Pod {
		p, deadline := pod(list("cpu", "1")), int64(5)
		p.Spec.ActiveDeadlineSeconds, p.Labels = &deadline, map[string]string{"class": class}
		return p
	}
	terminating := quotaOf("q", list("pods", "1", "cpu", "2"), list("pods", "0", "cpu", "0"), corev1.ResourceQuotaScopeTerminating)
	full := quotaOf("q", list("pods", "1"), list("pods", "1"), corev1.ResourceQuotaScopeTerminating)
	for _, c := range []struct {
		name        string
		quota       *corev1.ResourceQuota
		subresource string
		now, old    api.Object
		why, used   string
	}{
		{"a pod gets a deadline", terminating, "", ending(""), pod(list("cpu", "1")), "", "cpu=1,pods=1"},
		{"a pod with one changes", terminating, "", ending("b"), ending("a"), "", "cpu=0,pods=0"},
		{"a pod loses it", terminating, "", pod(list("cpu", "1")), ending(""), "", "cpu=0,pods=0"},
		{"there is no room", full, "", ending(""), pod(nil), "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", "pods=1"},
		{"a resize", quotaOf("q", list("cpu", "5"), list("cpu", "1")), "resize", pod(list("cpu", "3")), pod(list("cpu", "1")), "", "cpu=3"},
		{"a status of a pod", full, "status", ending(""), pod(nil), "", "pods=1"},
		{"a claim asks for the class", attributesQuota("5Gi"), "", claim("gold", ""), claim("", ""), "", "requests.storage=1Gi"},
		{"it asks for another", attributesQuota("5Gi"), "", claim("silver", "gold"), claim("gold", "gold"), "", "requests.storage=0"},
		{"too much", attributesQuota("1Mi"), "", claim("gold", ""), claim("", ""), "exceeded quota: q, requested: requests.storage=1Gi, used: requests.storage=0, limited: requests.storage=1Mi", "requests.storage=0"},
		{"a status tells what is so", attributesQuota("1Mi"), "status", claim("", "gold"), claim("", ""), "", "requests.storage=1Gi"},
		{"a status tells nothing new", attributesQuota("5Gi"), "status", claim("gold", "gold"), claim("gold", ""), "", "requests.storage=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			objs := admissiontest.Of(c.quota)
			write := admissiontest.Write(admission.Update, c.now, c.old)
			write.Subresource = c.subresource
			got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: objs, Updater: objs}, write))
			if (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
				t.Errorf("%q, want %q", got, c.why)
			}
			stored, err := objs.Get(context.Background(), quotas, "y", "q")
			if err != nil {
				t.Fatal(err)
			}
			if used := text(stored.(*corev1.ResourceQuota).Status.Used); used != c.used {
				t.Errorf("used %s, want %s", used, c.used)
			}
		})
	}
}

const limited = `
apiVersion: apiserver.config.k8s.io/v1
kind: ResourceQuotaConfiguration
limitedResources:
- resource: persistentvolumeclaims
  matchContains: [.storageclass.storage.k8s.io/requests.storage]
- resource: pods
  matchScopes: [{scopeName: PriorityClass, operator: In, values: [high]}]
`

func TestLimitedResources(t *testing.T) {
	high := pod(nil)
	high.Spec.PriorityClassName = "high"
	gold := claim("", "")
	class := "gold"
	gold.Spec.StorageClassName = &class
	prio := quotaOf("q", list("pods", "5"), list("pods", "0"))
	prio.Spec.ScopeSelector = &corev1.ScopeSelector{MatchExpressions: []corev1.ScopedResourceSelectorRequirement{
		{ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: corev1.ScopeSelectorOpIn, Values: []string{"high"}},
	}}
	const name = "gold.storageclass.storage.k8s.io/requests.storage"
	for _, c := range []struct {
		name  string
		quota []api.Object
		obj   api.Object
		why   string
	}{
		{"a pod of no such class", nil, pod(nil), ""},
		{"no quota for the class", nil, high, "insufficient quota to match these scopes: [{PriorityClass In [high]}]"},
		{"another quota", []api.Object{quotaOf("q", list("pods", "5"), list("pods", "0"))}, high, "insufficient quota to match these scopes"},
		{"a quota for the class", []api.Object{prio}, high, ""},
		{"no quota for the storage class", nil, gold, "insufficient quota to consume: " + name},
		{"a quota for it", []api.Object{quotaOf("q", list(name, "5Gi"), list(name, "0"))}, gold, ""},
		{"a claim without a class", nil, claim("", ""), ""},
	} {
		objs := admissiontest.Of(c.quota...)
		p, err := New(objs, objs, []byte(limited))
		if err != nil {
			t.Fatal(err)
		}
		got := admissiontest.Outcome(admissiontest.Run(p, admissiontest.Create(c.obj)))
		if (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %q, want %q", c.name, got, c.why)
		}
	}
	for bad, why := range map[string]string{
		"kind: Configuration\napiVersion: apiserver.config.k8s.io/v1": "no kind",
		strings.Replace(limited, "resource: pods", "resource: ''", 1): "limitedResources[1].resource: Required value",
		limited + "other: 1": "unknown field",
	} {
		if _, err := New(nil, nil, []byte(bad)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, wanted %s", bad, err, why)
		}
	}
}
