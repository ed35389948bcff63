package controllers_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/client"
	"minke/client/fake"
	"minke/controllers"
)

// behind is an API of which one group version is another server's, which can be
// down: leases stand for what it holds.
type behind struct {
	*fake.Server
	down *atomic.Bool
}

func (b behind) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	if r.Resource == client.Leases.Resource && b.down.Load() {
		return nil, apierrors.NewServiceUnavailable("error trying to reach service")
	}
	return b.Server.Do(ctx, r)
}

// TestServerBehindIsDown: the namespace says so and waits, all else is deleted and
// collected meanwhile, and what the other server holds is once it is back.
func TestServerBehindIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api := behind{fake.New().Guarded(t), &atomic.Bool{}}
		api.down.Store(true)
		changed := make(chan struct{}, 1)
		done := make(chan error, 1)
		go func() {
			done <- controllers.Run(ctx, controllers.Config{API: api, Informers: client.NewInformers(api), ResourcesChanged: []<-chan struct{}{changed},
				Resources: func(context.Context) ([]client.APIResource, error) {
					all := client.BuiltIn()
					for i := range all {
						all[i].Elsewhere = all[i].Resource == client.Leases.Resource
					}
					if api.down.Load() {
						gv := client.Leases.Resource.GroupVersion()
						return all, &client.DiscoveryError{Groups: map[schema.GroupVersion]error{gv: errors.New("stale GroupVersion discovery: " + gv.String())}}
					}
					return all, nil
				}})
		}()
		defer func() {
			cancel()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			synctest.Wait()
		}()
		namespaces, maps := client.Of(api, client.Namespaces), client.Of(api, client.ConfigMaps)
		made := func(namespace, name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
			m, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, OwnerReferences: owners}})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if _, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "going"}, Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}}}); err != nil {
			t.Fatal(err)
		}
		made("going", "inside")
		owner := made("shop", "owner")
		made("shop", "dependent", metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: owner.UID})
		time.Sleep(time.Second)
		if err := errors.Join(maps.Delete(ctx, "shop", "owner", metav1.DeleteOptions{}), namespaces.Delete(ctx, "", "going", metav1.DeleteOptions{})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, key := range []client.Key{{Namespace: "shop", Name: "dependent"}, {Namespace: "going", Name: "inside"}} {
			if _, err := maps.Get(ctx, key.Namespace, key.Name); !apierrors.IsNotFound(err) {
				t.Errorf("while another server is down, %s is still there: %v", key, err)
			}
		}
		ns, err := namespaces.Get(ctx, "", "going")
		if err != nil {
			t.Fatalf("the namespace did not wait for the other server: %v", err)
		}
		const want = "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: coordination.k8s.io/v1: stale GroupVersion discovery: coordination.k8s.io/v1"
		said := ""
		for _, c := range ns.Status.Conditions {
			if c.Type == corev1.NamespaceDeletionDiscoveryFailure && c.Status == corev1.ConditionTrue && c.Reason == "DiscoveryFailed" {
				said = c.Message
			}
		}
		if !strings.Contains(said, want) {
			t.Errorf("conditions are %+v", ns.Status.Conditions)
		}
		api.down.Store(false)
		changed <- struct{}{}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if _, err := namespaces.Get(ctx, "", "going"); !apierrors.IsNotFound(err) {
			t.Errorf("the other server is back, the namespace is still there: %v", err)
		}
	})
}
