package controllers_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
)

func TestQuotaCountsWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		hard := corev1.ResourceList{}
		for _, name := range []corev1.ResourceName{"pods", "requests.cpu", "cpu", "configmaps", "count/secrets", "services.nodeports", "requests.storage"} {
			hard[name] = resource.MustParse("10")
		}
		quota := func(name string, hard corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) {
			client.Of(api, client.ResourceQuotas).Create(ctx, &corev1.ResourceQuota{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes},
			})
		}
		quota("all", hard)
		quota("best", corev1.ResourceList{"pods": resource.MustParse("10")}, corev1.ResourceQuotaScopeBestEffort)
		for i := range 2 {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("p", i)}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}}}
			if i == 0 {
				pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}
			}
			client.Of(api, client.Pods).Create(ctx, pod)
		}
		client.Of(api, client.Secrets).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"}})
		client.Of(api, client.Services).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "s"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80}, {Port: 81}}},
		})
		used := func(name string, want string) {
			t.Helper()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			q, err := client.Of(api, client.ResourceQuotas).Get(ctx, "shop", name)
			if err != nil {
				t.Fatal(err)
			}
			got := map[corev1.ResourceName]string{}
			for name, n := range q.Status.Used {
				got[name] = n.String()
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s: got %v, want %s", name, got, want)
			}
		}
		used("all", "map[configmaps:0 count/secrets:1 cpu:500m pods:2 requests.cpu:500m requests.storage:0 services.nodeports:2]")
		used("best", "map[pods:1]")
		zero := int64(0)
		client.Of(api, client.Pods).Delete(ctx, "shop", "p0", metav1.DeleteOptions{GracePeriodSeconds: &zero})
		used("all", "map[configmaps:0 count/secrets:1 cpu:0 pods:1 requests.cpu:0 requests.storage:0 services.nodeports:2]")
	})
}

func TestBudgetAllowsWhatIsSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}})
		most := intstr.FromInt32(1)
		client.Of(api, client.PodDisruptionBudgets).Create(ctx, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &most, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		})
		client.Of(api, client.Deployments).Create(ctx, deployment())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		b, err := client.Of(api, client.PodDisruptionBudgets).Get(ctx, "shop", "web")
		if err != nil {
			t.Fatal(err)
		}
		if s := b.Status; s.ExpectedPods != 3 || s.DesiredHealthy != 2 || s.CurrentHealthy != 3 || s.DisruptionsAllowed != 1 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestRolesAggregate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		roles := client.Of(api, client.ClusterRoles)
		part := map[string]string{"part": "of-all"}
		roles.Create(ctx, &rbacv1.ClusterRole{
			ObjectMeta:      metav1.ObjectMeta{Name: "all"},
			AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: part}}},
		})
		for _, verb := range []string{"get", "list"} {
			roles.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: verb, Labels: part}, Rules: []rbacv1.PolicyRule{{Verbs: []string{verb}}}})
		}
		synctest.Wait()
		if role, _ := roles.Get(ctx, "", "all"); len(role.Rules) != 2 {
			t.Errorf("got %+v", role.Rules)
		}
	})
}
