package codec

import (
	"reflect"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// TestSettleEmpty: what is always shown is null when there is nothing in it, as it is
// when it is read again.
func TestSettleEmpty(t *testing.T) {
	for _, c := range []struct {
		name      string
		obj, want api.Object
	}{
		{"rules", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{}}, &rbacv1.ClusterRole{}},
		{"rules that there are", &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{Verbs: []string{}}}}, &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{}}}},
		{"not shown", &corev1.ConfigMap{Data: map[string]string{}}, &corev1.ConfigMap{Data: map[string]string{}}},
		{"no bytes", &corev1.Secret{Data: map[string][]byte{"a": nil, "b": []byte("c")}}, &corev1.Secret{Data: map[string][]byte{"a": {}, "b": []byte("c")}}},
	} {
		settle(c.obj)
		if !reflect.DeepEqual(c.obj, c.want) {
			t.Errorf("%s: got %#v, want %#v", c.name, c.obj, c.want)
		}
	}
}

func TestSettle(t *testing.T) {
	at := time.Date(2026, 11, 26, 20, 30, 1, 234567891, time.UTC)
	fine, micro := metav1.NewTime(at), metav1.NewMicroTime(at)
	shared := &fine
	for _, c := range []struct {
		name string
		obj  api.Object
	}{
		{"nothing to do", &corev1.ConfigMap{}},
		{"a field", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: fine}}},
		{"a slice of pointers", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{}, {Time: shared}}}}},
		{"conditions", &corev1.Pod{Status: corev1.PodStatus{StartTime: shared, Conditions: []corev1.PodCondition{{LastTransitionTime: fine}},
			ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: fine}}}}}}},
		{"a map", &policyv1.PodDisruptionBudget{Status: policyv1.PodDisruptionBudgetStatus{DisruptedPods: map[string]metav1.Time{"a": fine}}}},
		{"microseconds", &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{RenewTime: &micro}}},
		{"a job", &batchv1.Job{Status: batchv1.JobStatus{StartTime: shared}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind := schema.GroupVersionKind{Version: "v1", Kind: "K"}
			s := Storage{Kind: kind, Default: func(api.Object) {}, New: func() api.Object {
				return reflect.New(reflect.TypeOf(c.obj).Elem()).Interface().(api.Object)
			}}
			s.Settle(c.obj)
			value, err := s.Encode(c.obj)
			if err != nil {
				t.Fatal(err)
			}
			read, err := s.Decode(value, 7)
			if err != nil {
				t.Fatal(err)
			}
			c.obj.SetResourceVersion("7")
			if !equality.Semantic.DeepEqual(read, c.obj) {
				t.Errorf("read is\n%v\nand written was\n%v", read, c.obj)
			}
		})
	}
	if !shared.Time.Equal(at) {
		t.Error("a time was changed that its owner may still use")
	}
	untyped := &unstructured.Unstructured{Object: map[string]any{"kind": "K"}}
	settle(untyped)
	var none *corev1.Pod
	settle(runtime.Object(none))
}
