package controllers_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
	"minke/controllers"
	"minke/controllers/controllertest"
	"minke/controllers/nodeipam"
)

// cluster starts all controllers on a fake API.
func cluster(t *testing.T) (context.Context, *fake.Server, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	api := fake.New().Guarded(t)
	done := make(chan error, 1)
	go func() {
		done <- controllers.Run(ctx, controllers.Config{
			API: api, Informers: client.NewInformers(api), RootCA: []byte("pem"),
			NodeRanges: []nodeipam.Range{{CIDR: netip.MustParsePrefix("10.42.0.0/16"), NodeBits: 24}},
			Tokens: func(account *corev1.ServiceAccount, secret string) (string, error) {
				return "token of " + account.Name + " in " + secret, nil
			},
		})
	}()
	go controllertest.RunPods(ctx, api, nil, 0)
	return ctx, api, func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
	}
}

func deployment() *appsv1.Deployment {
	replicas := int32(3)
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		}},
	}
}

func TestNamespaceLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		ready := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}
		api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{ready}}})
		namespaces := client.Of(api, client.Namespaces)
		if _, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := client.Of(api, client.ServiceAccounts).Get(ctx, "shop", "default"); err != nil {
			t.Error(err)
		}
		if m, err := client.Of(api, client.ConfigMaps).Get(ctx, "shop", "kube-root-ca.crt"); err != nil || m.Data["ca.crt"] != "pem" {
			t.Errorf("root CA: got %v, %v", m, err)
		}
		client.Of(api, client.Deployments).Create(ctx, deployment())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		pods, _, _ := client.Of(api, client.Pods).List(ctx, "shop", metav1.ListOptions{})
		if _, ready := controllertest.Count(pods); ready != 3 {
			t.Fatalf("%d pods are ready, want 3", ready)
		}
		if err := namespaces.Delete(ctx, "", "shop", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if ns, err := namespaces.Get(ctx, "", "shop"); !apierrors.IsNotFound(err) {
			t.Errorf("the namespace is still there: %v, %v", ns, err)
		}
		for _, resource := range client.BuiltIn() {
			if left, _, err := client.ListAny(ctx, api, resource.Resource, "shop", metav1.ListOptions{}); err != nil || len(left) > 0 {
				t.Errorf("%s: %d are left (%v)", resource.Resource.Resource, len(left), err)
			}
		}
	})
}

func TestSilentNodeLosesItsPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		ready := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue}
		for _, name := range []string{"alive", "silent"} {
			api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{ready}}})
		}
		stay := int64(60)
		pod := func(name string, tolerations ...corev1.Toleration) {
			api.Put(&corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
				Spec:       corev1.PodSpec{NodeName: "silent", Tolerations: tolerations, Containers: []corev1.Container{{Name: "c"}}},
				Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
			})
		}
		unreachable := corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
		bounded := unreachable
		bounded.TolerationSeconds = &stay
		pod("daemon", unreachable)
		pod("app", bounded)
		go func() {
			for ctx.Err() == nil {
				now := metav1.NowMicro()
				api.Put(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: "alive"}, Spec: coordinationv1.LeaseSpec{RenewTime: &now}})
				select {
				case <-time.After(10 * time.Second):
				case <-ctx.Done():
				}
			}
		}()
		nodes, pods := client.Of(api, client.Nodes), client.Of(api, client.Pods)
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if n, _ := nodes.Get(ctx, "", "silent"); n.Status.Conditions[0].Status != corev1.ConditionUnknown || len(n.Spec.Taints) != 2 || n.Spec.PodCIDR == "" {
			t.Errorf("silent node: got %+v, %+v", n.Spec, n.Status.Conditions)
		}
		if n, _ := nodes.Get(ctx, "", "alive"); n.Status.Conditions[0].Status != corev1.ConditionTrue || len(n.Spec.Taints) != 0 {
			t.Errorf("node alive: got %+v, %+v", n.Spec, n.Status.Conditions)
		}
		if p, err := pods.Get(ctx, "default", "app"); err != nil || p.Status.Conditions[0].Status != corev1.ConditionFalse {
			t.Errorf("pod on the silent node: got %+v, %v", p, err)
		}
		time.Sleep(75 * time.Second)
		synctest.Wait()
		if _, err := pods.Get(ctx, "default", "app"); !apierrors.IsNotFound(err) {
			t.Errorf("the pod outlived its toleration: %v", err)
		}
		if _, err := pods.Get(ctx, "default", "daemon"); err != nil {
			t.Error(err)
		}
		nodes.Delete(ctx, "", "silent", metav1.DeleteOptions{})
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := pods.Get(ctx, "default", "daemon"); !apierrors.IsNotFound(err) {
			t.Errorf("a pod outlived its node: %v", err)
		}
	})
}
