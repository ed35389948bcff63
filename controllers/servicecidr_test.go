package controllers_test

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

func TestServiceCIDRLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		cidrs, services := client.Of(api, client.ServiceCIDRs), client.Of(api, client.Services)
		settle := func() { time.Sleep(time.Second); synctest.Wait() }
		made := func(name, cidr string) {
			cidrs.Create(ctx, &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{cidr}}})
		}
		ready := func(name string) *metav1.Condition {
			c, err := cidrs.Get(ctx, "", name)
			if err != nil {
				return nil
			}
			return meta.FindStatusCondition(c.Status.Conditions, networkingv1.ServiceCIDRConditionReady)
		}
		made("narrow", "10.1.2.0/24")
		services.Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{ClusterIP: "10.1.2.3", ClusterIPs: []string{"10.1.2.3"}}})
		settle()
		if c := ready("narrow"); c == nil || c.Status != metav1.ConditionTrue || c.Message != "Kubernetes Service CIDR is ready" {
			t.Fatalf("condition is %+v", c)
		}
		cidrs.Delete(ctx, "", "narrow", metav1.DeleteOptions{})
		settle()
		if c := ready("narrow"); c == nil || c.Status != metav1.ConditionFalse || c.Reason != networkingv1.ServiceCIDRReasonTerminating {
			t.Fatalf("while a Service has its address, condition is %+v", c)
		}
		made("wide", "10.1.0.0/16")
		settle()
		if c := ready("narrow"); c != nil {
			t.Errorf("another covers the address, condition is %+v", c)
		}
		cidrs.Delete(ctx, "", "wide", metav1.DeleteOptions{})
		settle()
		if ready("wide") == nil {
			t.Error("the last one to cover a Service's address went")
		}
		services.Delete(ctx, "shop", "web", metav1.DeleteOptions{})
		settle()
		if c := ready("wide"); c != nil {
			t.Errorf("without Services, condition is %+v", c)
		}
	})
}
