package endpointslice_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"minke/client"
	"minke/client/fake"
	"minke/controllers/endpoints"
	"minke/controllers/endpointslice"
)

func service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"}, IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("web")}},
		},
	}
}

func pod(n int, port int32, ready bool) *corev1.Pod {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	ip := fmt.Sprintf("10.0.%d.%d", n/250, n%250+1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("p", n), Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: port}}}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}},
	}
}

func start(t *testing.T, ctx context.Context, api *fake.Server) {
	informers := client.NewInformers(api)
	s, e, m := endpointslice.New(api, informers), endpoints.New(api, informers), endpointslice.NewMirror(api, informers)
	informers.Start(ctx)
	go s.Run(ctx)
	go e.Run(ctx)
	go m.Run(ctx)
}

func slicesOf(t *testing.T, api *fake.Server) []*discoveryv1.EndpointSlice {
	all, _, err := client.Of(api, client.EndpointSlices).List(t.Context(), "default", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever pods come and go, the slices end as exactly the endpoints wanted.
func TestSlicesConverge(t *testing.T) {
	for range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { converge(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func converge(t *testing.T, r *rand.Rand) {
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	api := fake.New(service()).Guarded(t)
	start(t, ctx, api)
	want := map[string]bool{}
	api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.1, EndWatch: 0.05, Delay: 20 * time.Millisecond})
	verbs, zero := client.Of(api, client.Pods), int64(0)
	for range 400 {
		n := r.IntN(300)
		p := pod(n, int32(8080+n%2), r.IntN(4) > 0) // a pod never changes its ports
		if r.IntN(3) == 0 {
			verbs.Delete(ctx, "default", p.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
		} else {
			api.Put(p)
		}
		if r.IntN(10) == 0 {
			time.Sleep(time.Duration(r.IntN(100)) * time.Millisecond)
		}
	}
	api.SetFaults(fake.Faults{})
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	pods, _, err := verbs.List(ctx, "default", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods {
		want[fmt.Sprint(p.Status.PodIP, p.Spec.Containers[0].Ports[0].ContainerPort, p.Status.Conditions[0].Status == corev1.ConditionTrue)] = true
	}
	for _, s := range slicesOf(t, api) {
		if len(s.Endpoints) > 100 || s.Labels[discoveryv1.LabelServiceName] != "web" {
			t.Errorf("slice %s: %d endpoints, labels %v", s.Name, len(s.Endpoints), s.Labels)
		}
		for _, e := range s.Endpoints {
			key := fmt.Sprint(e.Addresses[0], *s.Ports[0].Port, *e.Conditions.Ready)
			if !want[key] {
				t.Errorf("an endpoint too many: %s", key)
			}
			delete(want, key)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d endpoints are missing", len(want))
	}
}

func TestServiceLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		api := fake.New(service()).Guarded(t)
		start(t, ctx, api)
		synctest.Wait()
		if all := slicesOf(t, api); len(all) != 1 || len(all[0].Endpoints) != 0 {
			t.Errorf("a service without pods: got %d slices, want one that is empty", len(all))
		}
		first := slicesOf(t, api)[0].Name
		api.Put(pod(1, 8080, true))
		api.Put(pod(2, 8080, false))
		synctest.Wait()
		all := slicesOf(t, api)
		if len(all) != 1 || all[0].Name != first || len(all[0].Endpoints) != 2 {
			t.Errorf("the empty slice was not filled: %+v", all)
		}
		e, err := client.Of(api, client.Endpoints).Get(ctx, "default", "web")
		if err != nil || len(e.Subsets) != 1 || len(e.Subsets[0].Addresses) != 1 || len(e.Subsets[0].NotReadyAddresses) != 1 {
			t.Errorf("endpoints: got %+v, %v", e, err)
		}
		client.Of(api, client.Services).Delete(ctx, "default", "web", metav1.DeleteOptions{})
		synctest.Wait()
		if all := slicesOf(t, api); len(all) != 0 {
			t.Errorf("%d slices outlive their service", len(all))
		}
	})
}

// Near endpoints are preferred by hints, which follow the service and the node's zone.
func TestHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		api := fake.New(service(), pod(1, 8080, true), pod(2, 8080, false)).Guarded(t)
		start(t, ctx, api)
		node := func(zone string) {
			api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{corev1.LabelTopologyZone: zone}}})
		}
		node("z1")
		prefer := func(d string) {
			s := service()
			if d != "" {
				s.Spec.TrafficDistribution = &d
			}
			api.Put(s)
		}
		expect := func(what, want string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			for _, s := range slicesOf(t, api) {
				for _, e := range s.Endpoints {
					got := ""
					if e.Hints != nil {
						got = fmt.Sprint(e.Hints.ForNodes, e.Hints.ForZones)
					}
					if ready := *e.Conditions.Ready; ready && got != want || !ready && got != "" {
						t.Errorf("%s: ready %v: got hints %s, want %s for those that are ready", what, ready, got, want)
					}
				}
			}
		}
		expect("no preference", "")
		prefer("PreferClose")
		expect("PreferClose", "[] [{z1}]")
		node("z2")
		expect("another zone", "[] [{z2}]")
		prefer("PreferSameNode")
		expect("PreferSameNode", "[{n}] [{z2}]")
		prefer("PreferSameZone")
		expect("PreferSameZone", "[] [{z2}]")
		node("")
		expect("no zone", "")
		prefer("")
		expect("no preference again", "")
	})
}

// With topology-mode: Auto zones get endpoints by their CPUs, as nodes come and go;
// what the Service prefers otherwise does not count.
func TestTopologyMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		s := service()
		near := corev1.ServiceTrafficDistributionPreferSameNode
		s.Annotations, s.Spec.TrafficDistribution = map[string]string{corev1.AnnotationTopologyMode: "Auto"}, &near
		api := fake.New(s).Guarded(t)
		node := func(name, zone string) {
			api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}}, Status: corev1.NodeStatus{
				Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}})
		}
		node("n", "z1")
		for i := range 6 {
			api.Put(pod(i, 8080, true))
		}
		start(t, ctx, api)
		expect := func(what, want string) {
			t.Helper()
			time.Sleep(time.Minute)
			synctest.Wait()
			got := map[string]int{}
			for _, slice := range slicesOf(t, api) {
				for _, e := range slice.Endpoints {
					if e.Hints != nil {
						got[fmt.Sprint(e.Hints.ForNodes, e.Hints.ForZones)]++
					}
				}
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s: got hints %v, want %s", what, got, want)
			}
		}
		expect("one zone", "map[]")
		node("m", "z2")
		expect("two zones", "map[[] [{z1}]:3 [] [{z2}]:3]")
		if err := client.Of(api, client.Nodes).Delete(ctx, "", "m", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		expect("one zone again", "map[]")
		node("m", "z2")
		expect("two zones again", "map[[] [{z1}]:3 [] [{z2}]:3]")
		s = s.DeepCopy()
		s.Annotations = nil
		api.Put(s)
		expect("what it prefers", "map[[{n}] [{z1}]:6]")
	})
}

func TestMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		s := service()
		s.Spec.Selector = nil
		api := fake.New(s, &corev1.Endpoints{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
			Subsets: []corev1.EndpointSubset{{
				Addresses: []corev1.EndpointAddress{{IP: "1.2.3.4"}, {IP: "fd00::1"}},
				Ports:     []corev1.EndpointPort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP}},
			}},
		}).Guarded(t)
		start(t, ctx, api)
		synctest.Wait()
		if all := slicesOf(t, api); len(all) != 2 {
			t.Errorf("got %d slices, want one for each family", len(all))
		}
	})
}
