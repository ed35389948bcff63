package allocate

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/admission"
)

// cluster stores services, ServiceCIDRs and IPAddresses by name.
type cluster struct {
	services  map[string]*corev1.Service
	cidrs     map[string]*networkingv1.ServiceCIDR
	addresses map[string]*networkingv1.IPAddress
	watches   map[string]*watch.FakeWatcher
}

func (c *cluster) objects(r schema.GroupVersionResource) map[string]runtime.Object {
	all := map[string]runtime.Object{}
	switch r.Resource {
	case "services":
		for name, s := range c.services {
			all[name] = s
		}
	case "servicecidrs":
		for name, s := range c.cidrs {
			all[name] = s
		}
	case "ipaddresses":
		for name, s := range c.addresses {
			all[name] = s
		}
	}
	return all
}

func (c *cluster) Get(_ context.Context, r schema.GroupVersionResource, _, name string) (runtime.Object, error) {
	if s, ok := c.objects(r)[name]; ok {
		return s, nil
	}
	return nil, apierrors.NewNotFound(r.GroupResource(), name)
}

func (c *cluster) Snapshot(r schema.GroupVersionResource, _ string) (iter.Seq[runtime.Object], string, error) {
	return maps.Values(c.objects(r)), "1", nil
}

func (c *cluster) WatchShared(ctx context.Context, r schema.GroupVersionResource, _, _ string) (watch.Interface, error) {
	w := c.watches[r.Resource]
	context.AfterFunc(ctx, w.Stop)
	return w, nil
}

// store makes what the transaction of s makes, and tells of it.
func (c *cluster) store(a *Allocator, s *corev1.Service) error {
	for _, b := range a.Beside(s, nil) {
		if c.addresses[b.Create.GetName()] != nil {
			return fmt.Errorf("%s exists", b.Create.GetName())
		}
		c.addresses[b.Create.GetName()] = b.Create.(*networkingv1.IPAddress)
		defer func() { c.watches["ipaddresses"].Add(b.Create) }()
	}
	c.services[s.Name] = s
	c.watches["services"].Add(s)
	return nil
}

func (c *cluster) remove(a *Allocator, s *corev1.Service) {
	for _, b := range a.Beside(nil, s) {
		if gone := c.addresses[b.Name]; gone != nil && b.Is(gone) {
			delete(c.addresses, b.Name)
			defer func() { c.watches["ipaddresses"].Delete(gone) }()
		}
	}
	delete(c.services, s.Name)
	c.watches["services"].Delete(s)
}

func newCluster(t *testing.T, ranges ...string) (*cluster, *Allocator) {
	t.Helper()
	c := &cluster{services: map[string]*corev1.Service{}, cidrs: map[string]*networkingv1.ServiceCIDR{}, addresses: map[string]*networkingv1.IPAddress{},
		watches: map[string]*watch.FakeWatcher{"services": watch.NewFake(), "servicecidrs": watch.NewFake(), "ipaddresses": watch.NewFake()}}
	config := Config{Source: c, Objects: true}
	for _, r := range ranges {
		config.Ranges = append(config.Ranges, netip.MustParsePrefix(r))
	}
	a, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, a
}

var uids int

func service(name string, change func(*corev1.ServiceSpec)) *corev1.Service {
	uids++
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: name, UID: types.UID(fmt.Sprint("u", uids))},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"a": "b"}, Ports: []corev1.ServicePort{{Port: 80}}}}
	if change != nil {
		change(&s.Spec)
	}
	return s
}

func admit(a *Allocator, ctx context.Context, s, old *corev1.Service) error {
	at := &admission.Attributes{Operation: admission.Create, Namespace: s.Namespace, Name: s.Name, Object: s}
	if old != nil {
		at.Operation, at.Old = admission.Update, old
	}
	return a.Admit(ctx, at)
}

func TestAdmit(t *testing.T) {
	prefer, require := corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack
	no := false
	const four, six = "10.96.0.0/16", "fd00::/112"
	for _, c := range []struct {
		name   string
		ranges []string
		change func(*corev1.ServiceSpec)
		want   string
	}{
		{"cluster ip", []string{four, six}, nil, "IPv4:10.96 ports: health:false"},
		{"ipv6 first", []string{six, four}, nil, "IPv6:fd00: ports: health:false"},
		{"chosen family", []string{four, six}, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }, "IPv6:fd00: ports: health:false"},
		{"family that is not there", []string{four}, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }, `spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster`},
		{"two families unasked", []string{four, six}, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv4", "IPv6"} }, `spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`},
		{"address of no family", []string{four}, func(s *corev1.ServiceSpec) { s.ClusterIP = "fd00::1" }, `spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster`},
		{"dual", []string{four, six}, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &require }, "IPv4,IPv6:10.96,fd00: ports: health:false"},
		{"dual where there is one", []string{four}, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &require }, `spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`},
		{"rather dual", []string{four}, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = &prefer }, "IPv4:10.96 ports: health:false"},
		{"headless", []string{four}, func(s *corev1.ServiceSpec) { s.ClusterIP = "None" }, "IPv4:None ports: health:false"},
		{"external name", []string{four}, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName }, ": ports: health:false"},
		{"requested", []string{four}, func(s *corev1.ServiceSpec) { s.ClusterIP = "10.96.0.10" }, "IPv4:10.96 ports: health:false"},
		{"taken", []string{four}, func(s *corev1.ServiceSpec) { s.ClusterIP = "10.96.0.1" }, `spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated`},
		{"outside", []string{four}, func(s *corev1.ServiceSpec) { s.ClusterIP = "10.97.0.1" }, "failed to allocate IP 10.97.0.1: the provided network does not match the current range"},
		{"node port", []string{four}, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeNodePort }, "IPv4:10.96 ports:3 health:false"},
		{"node port taken", []string{four}, func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30001 }, "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"},
		{"node port outside", []string{four}, func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 80 }, "spec.ports[0].nodePort: Invalid value: 80: the provided port is not in the valid range. The range of valid ports is 30000-32767"},
		{"load balancer without ports", []string{four}, func(s *corev1.ServiceSpec) {
			s.Type, s.AllocateLoadBalancerNodePorts = corev1.ServiceTypeLoadBalancer, &no
		}, "IPv4:10.96 ports:0 health:false"},
		{"health port", []string{four}, func(s *corev1.ServiceSpec) { s.Type, s.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, "Local" }, "IPv4:10.96 ports:3 health:true"},
	} {
		cl, a := newCluster(t, c.ranges...)
		cl.services["first"] = service("first", func(s *corev1.ServiceSpec) {
			s.Type, s.ClusterIP, s.ClusterIPs, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, "10.96.0.1", []string{"10.96.0.1"}, 30001
		})
		s := service("s", c.change)
		if err := admit(a, t.Context(), s, nil); err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %s", c.name, err, c.want)
			}
			continue
		}
		if got := describe(s); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func describe(s *corev1.Service) string {
	var families, ips, ports []string
	for _, f := range s.Spec.IPFamilies {
		families = append(families, string(f))
	}
	for _, ip := range s.Spec.ClusterIPs {
		ips = append(ips, ip[:min(5, len(ip))])
	}
	for _, p := range s.Spec.Ports {
		if s.Spec.Type != corev1.ServiceTypeClusterIP && s.Spec.Type != corev1.ServiceTypeExternalName {
			ports = append(ports, fmt.Sprint(p.NodePort)[:1])
		}
	}
	return fmt.Sprintf("%s:%s ports:%s health:%v", strings.Join(families, ","), strings.Join(ips, ","), strings.Join(ports, ","), s.Spec.HealthCheckNodePort != 0)
}

func TestUpdateKeepsAndShares(t *testing.T) {
	_, a := newCluster(t, "10.96.0.0/24")
	old := service("s", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeNodePort
		s.Ports = []corev1.ServicePort{{Port: 53, Protocol: "UDP"}, {Port: 53, Protocol: "TCP"}}
	})
	if err := admit(a, t.Context(), old, nil); err != nil {
		t.Fatal(err)
	}
	if old.Spec.Ports[0].NodePort != old.Spec.Ports[1].NodePort {
		t.Errorf("ports of one number have node ports %v", old.Spec.Ports)
	}
	replaced := service("s", func(s *corev1.ServiceSpec) {
		s.Type = corev1.ServiceTypeNodePort
		s.Ports = []corev1.ServicePort{{Port: 53, Protocol: "UDP"}, {Port: 80}}
	})
	if err := admit(a, t.Context(), replaced, old); err != nil {
		t.Fatal(err)
	}
	if replaced.Spec.ClusterIP != old.Spec.ClusterIP || replaced.Spec.Ports[0].NodePort != old.Spec.Ports[0].NodePort || replaced.Spec.Ports[1].NodePort == 0 {
		t.Errorf("replaced %+v", replaced.Spec)
	}
}

// A small range is used to its last address, and again after deletion; failed
// creates leak nothing.
func TestNothingLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := newCluster(t, "10.0.0.0/29") // 10.0.0.1 to 10.0.0.6
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		try := func(name string, store bool) error {
			request, done := context.WithCancel(ctx)
			s := service(name, nil)
			err := admit(a, request, s, nil)
			if err == nil && store {
				c.services[name] = s
				c.watches["services"].Add(s)
			}
			done()
			synctest.Wait()
			return err
		}
		for n := range 6 {
			if err := try(fmt.Sprint("failed", n), false); err != nil {
				t.Fatal(err)
			}
		}
		if err := try("full", false); err == nil || !strings.Contains(err.Error(), "range is full") {
			t.Errorf("while six requests may still store: %v", err)
		}
		time.Sleep(2 * grace)
		for n := range 6 {
			if err := try(fmt.Sprint("s", n), true); err != nil {
				t.Fatal(err)
			}
		}
		if err := try("full", true); err == nil {
			t.Error("a seventh address of six")
		}
		gone := c.services["s0"]
		delete(c.services, "s0")
		// Asked for by name it is had at once, before the event has come.
		s := service("again", func(s *corev1.ServiceSpec) { s.ClusterIP = gone.Spec.ClusterIP })
		if err := admit(a, ctx, s, nil); err != nil {
			t.Errorf("the address of a deleted service: %v", err)
		}
		gone = c.services["s1"]
		delete(c.services, "s1")
		c.watches["services"].Delete(gone)
		synctest.Wait()
		if err := try("s7", true); err != nil {
			t.Errorf("after a deletion: %v", err)
		}
		stop()
		<-ended
	})
}

func TestBitmap(t *testing.T) {
	b := newBitmap(130)
	for n := range 130 {
		if i := b.next(0, 130); i != n || !b.take(i) {
			t.Fatalf("number %d: %d", n, i)
		}
	}
	if b.next(0, 130) != -1 || b.used != 130 {
		t.Errorf("a full map gives %d", b.next(0, 130))
	}
	b.release(64)
	if b.next(0, 130) != 64 || b.next(65, 130) != -1 || b.next(0, 64) != -1 {
		t.Error("the released number is not found")
	}
}

// TestDryRunTakesNothing: others may have what a dry run was shown.
func TestDryRunTakesNothing(t *testing.T) {
	_, a := newCluster(t, "10.0.0.0/29")
	for range 20 {
		s := service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.3" })
		at := &admission.Attributes{Operation: admission.Create, Namespace: s.Namespace, Name: s.Name, Object: s, DryRun: true}
		s.UID = types.UID(fmt.Sprint(t.Name(), len(a.holders)))
		if err := a.Admit(t.Context(), at); err != nil || s.Spec.ClusterIPs[0] != "10.0.0.3" {
			t.Fatal(err, s.Spec.ClusterIPs)
		}
		if n := len(a.holders); n != 0 {
			t.Fatalf("%d items are held", n)
		}
	}
}

// TestClusterIPErrors: what contradicts itself, or what the cluster has not, is refused
// in Kubernetes' words before anything is taken, all of it at once.
func TestClusterIPErrors(t *testing.T) {
	_, a := newCluster(t, "10.0.0.0/29")
	dual, single := corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack
	old := service("s", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.2" })
	headless := service("h", func(s *corev1.ServiceSpec) {
		s.ClusterIP, s.Selector, s.IPFamilyPolicy = corev1.ClusterIPNone, nil, &dual
		s.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	})
	for _, s := range []*corev1.Service{old, headless} {
		if err := admit(a, t.Context(), s, nil); err != nil {
			t.Fatal(err)
		}
	}
	held := len(a.holders)
	for name, c := range map[string]struct {
		of     *corev1.Service // nil: a new one
		change func(*corev1.ServiceSpec)
		want   []string // none: what is left is for validation
	}{
		"only the newer field": {nil, func(s *corev1.ServiceSpec) { s.ClusterIPs = []string{"10.0.0.3"} },
			[]string{"spec.clusterIPs: Invalid value: [\"10.0.0.3\"]: must be empty when `clusterIP` is not specified"}},
		"another first": {nil, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "10.0.0.3", []string{"10.0.0.4"} },
			[]string{"spec.clusterIPs: Invalid value: [\"10.0.0.4\"]: first value must match `clusterIP`"}},
		"no such family": {nil, func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv5"} },
			[]string{`spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"`}},
		"both families": {old, func(s *corev1.ServiceSpec) {
			s.IPFamilyPolicy, s.IPFamilies = &dual, []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
		}, []string{`spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services`,
			`spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster`}},
		"one of two": {old, func(s *corev1.ServiceSpec) {
			s.IPFamilyPolicy, s.ClusterIPs = &single, []string{"10.0.0.2", "fd00::1"}
		}, []string{`spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified`,
			`spec.clusterIPs[1]: Invalid value: ["10.0.0.2","fd00::1"]: IPv6 is not configured on this cluster`}},
		"not an address": {old, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "x", []string{"x"} },
			[]string{`spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address`}},
		"another address":         {old, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "10.0.0.3", []string{"10.0.0.3"} }, nil},
		"an address of elsewhere": {old, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "10.9.0.3", []string{"10.9.0.3"} }, nil},
		"an address for one without": {headless, func(s *corev1.ServiceSpec) {
			s.ClusterIP, s.ClusterIPs = "10.0.0.3", []string{"10.0.0.3"}
		}, []string{`spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured`, `spec.ipFamilies[1]: Invalid value: "IPv6"`}},
	} {
		s := service("a", nil)
		if c.of != nil {
			s = c.of.DeepCopy()
		}
		c.change(&s.Spec)
		asked := s.Spec.DeepCopy()
		err := admit(a, t.Context(), s, c.of)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		if len(c.want) == 0 && err != nil || s.Spec.ClusterIP != asked.ClusterIP || !slices.Equal(s.Spec.ClusterIPs, asked.ClusterIPs) {
			t.Errorf("%s: %v, %v", name, err, s.Spec)
		}
		if len(a.holders) != held {
			t.Errorf("%s: %d items are held, want %d", name, len(a.holders), held)
		}
	}
}
