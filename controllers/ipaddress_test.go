package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// TestIPAddressRepair: what does not fit together is made to, what is not ours to
// judge is left alone.
func TestIPAddressRepair(t *testing.T) {
	address := func(ip, resource, service, manager string) *networkingv1.IPAddress {
		return &networkingv1.IPAddress{
			ObjectMeta: metav1.ObjectMeta{Name: ip, Labels: map[string]string{networkingv1.LabelIPAddressFamily: "IPv4", networkingv1.LabelManagedBy: manager}},
			Spec:       networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: resource, Namespace: "shop", Name: service}},
		}
	}
	const ours = "ipallocator.k8s.io"
	for _, c := range []struct {
		name    string
		before  *networkingv1.IPAddress
		service string // the address of the service shop/web, if there is one
		want    string // name, parent and manager of the IPAddress, if there is one
		event   string
	}{
		{"missing", nil, "10.1.2.3", "10.1.2.3 services/web " + ours, "Cluster IP [IPv4]: 10.1.2.3 is not allocated; repairing"},
		{"as it should be", address("10.1.2.3", "services", "web", ours), "10.1.2.3", "10.1.2.3 services/web " + ours, ""},
		{"out of range", nil, "10.9.9.9", "", "Cluster IP [IPv4]: 10.9.9.9 is not within any configured Service CIDR; please recreate service"},
		{"headless", nil, "None", "", ""},
		{"leaked", address("10.1.2.3", "services", "gone", ours), "", "", "IPAddress: 10.1.2.3 for Service shop/gone appears to have leaked: cleaning up"},
		{"leaked, somebody else's", address("10.1.2.3", "services", "gone", "me"), "", "10.1.2.3 services/gone me", ""},
		{"of no service", address("10.1.2.3", "pods", "web", ours), "", "", "appears to have been modified, not referencing a Service"},
		{"of a service that has another", address("10.1.2.4", "services", "web", ours), "None", "", "IPAddress: 10.1.2.4 for Service shop/web has a wrong reference; cleaning up"},
		{"of a service that is gone", address("10.1.2.3", "services", "gone", "me"), "10.1.2.3", "10.1.2.3 services/web " + ours, "the ClusterIP [IPv4]: 10.1.2.3 for Service shop/web has a wrong reference; repairing"},
		{"without its label", address("10.1.2.3", "services", "web", ""), "10.1.2.3", "10.1.2.3 services/web " + ours, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, api, stop := cluster(t)
			defer stop()
			client.Of(api, client.ServiceCIDRs).Create(ctx, &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.1.2.0/24"}}})
			time.Sleep(time.Second)
			addresses := client.Of(api, client.IPAddresses)
			if c.service != "" {
				client.Of(api, client.Services).Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: corev1.ServiceSpec{ClusterIP: c.service, ClusterIPs: []string{c.service}}})
			}
			if c.before != nil {
				addresses.Create(ctx, c.before)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			all, _, err := addresses.List(ctx, "", metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range all {
				got = append(got, a.Name+" "+a.Spec.ParentRef.Resource+"/"+a.Spec.ParentRef.Name+" "+a.Labels[networkingv1.LabelManagedBy])
			}
			if strings.Join(got, ",") != c.want {
				t.Errorf("%s: %v, want %q", c.name, got, c.want)
			}
			told, _, err := client.Of(api, client.Events).List(ctx, "", metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			told = slices.DeleteFunc(told, func(e *corev1.Event) bool { return e.Source.Component != "ipallocator-repair-controller" })
			if c.event != "" && !slices.ContainsFunc(told, func(e *corev1.Event) bool { return strings.Contains(e.Message, c.event) }) {
				t.Errorf("%s: said %v, want %q", c.name, told, c.event)
			}
		})
	}
}
