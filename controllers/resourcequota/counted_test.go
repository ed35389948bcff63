package resourcequota

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
	"minke/client/fake"
)

// late is an API of which one resource cannot be listed for a while.
type late struct {
	client.Interface
	resource schema.GroupVersionResource
	down     *atomic.Bool
	lists    map[schema.GroupVersionResource]runtime.Object // of kinds that the fake does not know
}

func (l late) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	if r.Resource == l.resource && r.Verb == "list" && l.down.Load() {
		return nil, apierrors.NewServiceUnavailable("not yet")
	}
	if list := l.lists[r.Resource]; list != nil && r.Verb == "list" {
		return list, nil
	}
	return l.Interface.Do(ctx, r)
}

func (l late) lease(t *testing.T, name string) {
	t.Helper()
	one := client.Leases.New()
	one.SetNamespace("shop")
	one.SetName(name)
	if _, err := client.Of(l, client.Leases).Create(t.Context(), one); err != nil {
		t.Fatal(err)
	}
}

// TestResourcesComeAndGo: what cannot be listed is not in the status, holds up
// nothing, and is counted by itself once it can be; of what is gone the last count
// stays. Leases stand for a custom resource.
func TestResourcesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := late{fake.New(), client.Leases.Resource, &atomic.Bool{}, nil}
		api.down.Store(true)
		informers := client.NewInformers(api)
		maps := client.APIResource{Resource: client.ConfigMaps.Resource, Kind: "ConfigMap"}
		leases := client.APIResource{Resource: client.Leases.Resource, Kind: "Lease", Elsewhere: true}
		c := New(api, informers, []client.APIResource{maps})
		informers.Start(ctx)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}()
		hard := corev1.ResourceList{"count/leases.coordination.k8s.io": resource.MustParse("9"), "configmaps": resource.MustParse("9"), "count/none.example.com": resource.MustParse("9")}
		if _, err := client.Of(api, client.ResourceQuotas).Create(ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "q"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}); err != nil {
			t.Fatal(err)
		}
		used := func(when, want string) {
			t.Helper()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			q, err := client.Of(api, client.ResourceQuotas).Get(ctx, "shop", "q")
			if err != nil {
				t.Fatal(err)
			}
			got := map[corev1.ResourceName]string{}
			for name, n := range q.Status.Used {
				got[name] = n.String()
			}
			if fmt.Sprint(got) != want {
				t.Errorf("%s: used %v, wanted %s", when, got, want)
			}
		}
		used("before it is served", "map[configmaps:0]")
		c.Watch(ctx, []client.APIResource{maps, leases})
		api.lease(t, "a")
		used("while it cannot be listed", "map[configmaps:0]")
		api.down.Store(false)
		used("once it can be", "map[configmaps:0 count/leases.coordination.k8s.io:1]")
		api.lease(t, "b")
		used("after another", "map[configmaps:0 count/leases.coordination.k8s.io:2]")
		c.Watch(ctx, []client.APIResource{maps})
		used("when it is gone", "map[configmaps:0 count/leases.coordination.k8s.io:2]")
	})
}

// TestNothingGivenAway: while nobody knows what device classes stand for, what is
// known of a claim's use stays.
func TestNothingGivenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		gpu, meta, list := "example.com/gpu", metav1.ObjectMeta{Namespace: "shop", Name: "q"}, func(n string) corev1.ResourceList {
			return corev1.ResourceList{"requests.example.com/gpu": resource.MustParse(n)}
		}
		claims := resourceapi.SchemeGroupVersion.WithResource("resourceclaims")
		api := late{fake.New(&corev1.ResourceQuota{
			ObjectMeta: meta, Spec: corev1.ResourceQuotaSpec{Hard: list("5")}, Status: corev1.ResourceQuotaStatus{Hard: list("5"), Used: list("4")},
		}), deviceClasses, &atomic.Bool{}, map[schema.GroupVersionResource]runtime.Object{
			deviceClasses: &resourceapi.DeviceClassList{Items: []resourceapi.DeviceClass{
				{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourceapi.DeviceClassSpec{ExtendedResourceName: &gpu}}}},
			claims: &resourceapi.ResourceClaimList{Items: []resourceapi.ResourceClaim{
				{ObjectMeta: meta, Spec: resourceapi.ResourceClaimSpec{Devices: resourceapi.DeviceClaim{Requests: []resourceapi.DeviceRequest{
					{Name: "r", Exactly: &resourceapi.ExactDeviceRequest{DeviceClassName: "gpu", AllocationMode: resourceapi.DeviceAllocationModeExactCount, Count: 3}}}}}}}},
		}}
		api.down.Store(true)
		informers := client.NewInformers(api)
		c := New(api, informers, []client.APIResource{{Resource: client.Pods.Resource, Kind: "Pod"},
			{Resource: claims, Kind: "ResourceClaim"}, {Resource: deviceClasses, Kind: "DeviceClass", Cluster: true}})
		informers.Start(ctx)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		for _, want := range []int64{4, 3} {
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			q, err := client.Of(api, client.ResourceQuotas).Get(ctx, "shop", "q")
			if err != nil {
				t.Fatal(err)
			}
			used := q.Status.Used["requests.example.com/gpu"]
			if got := used.Value(); got != want {
				t.Errorf("used is %d, wanted %d", got, want)
			}
			api.down.Store(false)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
