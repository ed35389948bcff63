package resourcequota

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

func quotaOf(name string, hard, used corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: name},
		Spec: corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes}, Status: corev1.ResourceQuotaStatus{Hard: hard, Used: used}}
}

func pod(requests corev1.ResourceList) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: requests}}},
	}}
}

func TestQuota(t *testing.T) {
	object := func(o api.Object) api.Object { o.SetNamespace("y"); o.SetName("o"); return o }
	deadline := int64(5)
	ending := pod(nil)
	ending.Spec.ActiveDeadlineSeconds = &deadline
	gold := "gold"
	claim := &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &gold, Resources: corev1.VolumeResourceRequirements{Requests: list("storage", "2Gi")}}}
	for _, c := range []struct {
		name  string
		quota *corev1.ResourceQuota
		obj   api.Object
		why   string
		used  string
	}{
		{"counts a pod", quotaOf("q", list("pods", "2", "requests.cpu", "1"), list("pods", "1", "requests.cpu", "0")), pod(list("cpu", "500m")), "", "pods=2,requests.cpu=500m"},
		{"too many", quotaOf("q", list("pods", "1"), list("pods", "1")), pod(nil), "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", "pods=1"},
		{"too much", quotaOf("q", list("cpu", "1"), list("cpu", "800m")), pod(list("cpu", "500m")), "exceeded quota: q, requested: cpu=500m, used: cpu=800m, limited: cpu=1", "cpu=800m"},
		{"does not say", quotaOf("q", list("limits.memory", "1Gi", "cpu", "1"), list("limits.memory", "0", "cpu", "0")), pod(nil), "failed quota: q: must specify cpu for: c; limits.memory for: c", "cpu=0,limits.memory=0"},
		{"extended resource", quotaOf("q", list("requests.example.com/x", "3"), list("requests.example.com/x", "2")), pod(list("example.com/x", "2")), "exceeded quota: q, requested: requests.example.com/x=2, used: requests.example.com/x=2, limited: requests.example.com/x=3", "requests.example.com/x=2"},
		{"config map", quotaOf("q", list("configmaps", "2", "count/configmaps", "2"), list("configmaps", "0", "count/configmaps", "0")), object(&corev1.ConfigMap{}), "", "configmaps=1,count/configmaps=1"},
		{"node ports", quotaOf("q", list("services", "5", "services.nodeports", "1"), list("services", "0", "services.nodeports", "0")),
			object(&corev1.Service{Spec: corev1.ServiceSpec{Type: "NodePort", Ports: []corev1.ServicePort{{}, {}}}}), "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1", "services=0,services.nodeports=0"},
		{"storage of a class", quotaOf("q", list("gold.storageclass.storage.k8s.io/requests.storage", "3Gi"), list("gold.storageclass.storage.k8s.io/requests.storage", "0")), object(claim), "", "gold.storageclass.storage.k8s.io/requests.storage=2Gi"},
		{"not yet computed", quotaOf("q", list("pods", "1"), nil), pod(nil), "status unknown for quota: q, resources: pods", ""},
		{"best effort counts it", quotaOf("q", list("pods", "1"), list("pods", "0"), corev1.ResourceQuotaScopeBestEffort), pod(nil), "", "pods=1"},
		{"best effort does not", quotaOf("q", list("pods", "1"), list("pods", "0"), corev1.ResourceQuotaScopeBestEffort), pod(list("cpu", "1")), "", "pods=0"},
		{"terminating counts it", quotaOf("q", list("pods", "1"), list("pods", "0"), corev1.ResourceQuotaScopeTerminating), ending, "", "pods=1"},
		{"not terminating does not", quotaOf("q", list("pods", "1"), list("pods", "0"), corev1.ResourceQuotaScopeNotTerminating), ending, "", "pods=0"},
	} {
		objs := admissiontest.Of(c.quota)
		got := admissiontest.Outcome(admissiontest.Run(&Plugin{Reader: objs, Updater: objs}, admissiontest.Create(c.obj)))
		if (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%s: %q, want %q", c.name, got, c.why)
		}
		stored, err := objs.Get(context.Background(), quotas, "y", "q")
		if err != nil {
			t.Fatal(err)
		}
		if used := text(stored.(*corev1.ResourceQuota).Status.Used); used != c.used {
			t.Errorf("%s: used %s, want %s", c.name, used, c.used)
		}
	}
}

func TestDryRunAndUpdate(t *testing.T) {
	objs := admissiontest.Of(quotaOf("q", list("services.nodeports", "3"), list("services.nodeports", "1")))
	p := &Plugin{Reader: objs, Updater: objs}
	service := func(ports int) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "s"}, Spec: corev1.ServiceSpec{Type: "NodePort", Ports: make([]corev1.ServicePort, ports)}}
	}
	used := func() string {
		obj, err := objs.Get(context.Background(), quotas, "y", "q")
		if err != nil {
			t.Fatal(err)
		}
		return text(obj.(*corev1.ResourceQuota).Status.Used)
	}
	dry := admissiontest.Create(service(1))
	dry.DryRun = true
	if err := admissiontest.Run(p, dry); err != nil || used() != "services.nodeports=1" {
		t.Errorf("dry run: %v, used %s", err, used())
	}
	if err := admissiontest.Run(p, admissiontest.Write(admission.Update, service(3), service(1))); err != nil || used() != "services.nodeports=3" {
		t.Errorf("update: %v, used %s", err, used())
	}
	if err := admissiontest.Run(p, admissiontest.Write(admission.Update, service(2), service(1))); err == nil {
		t.Error("an update beyond the quota was admitted")
	}
}
