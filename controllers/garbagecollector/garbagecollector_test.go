package garbagecollector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/fake"
	"minke/controllers/garbagecollector"
)

var resources = []client.APIResource{
	{Resource: client.ConfigMaps.Resource, Kind: "ConfigMap"},
	{Resource: client.Secrets.Resource, Kind: "Secret"},
	{Resource: client.Nodes.Resource, Kind: "Node", Cluster: true},
}

func object(name string, owners ...string) *corev1.ConfigMap {
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)}}
	block := true
	for _, owner := range owners {
		m.OwnerReferences = append(m.OwnerReferences, metav1.OwnerReference{
			APIVersion: "v1", Kind: "ConfigMap", Name: owner, UID: types.UID("uid-" + owner), BlockOwnerDeletion: &block,
		})
	}
	return m
}

func TestCollect(t *testing.T) {
	for _, c := range []struct {
		name   string
		delete string
		policy metav1.DeletionPropagation
		want   string
	}{
		{"nothing is deleted without need", "", "", "[a b c d e]"},
		{"background takes the chain", "a", metav1.DeletePropagationBackground, "[d e]"},
		{"foreground takes the chain", "a", metav1.DeletePropagationForeground, "[d e]"},
		{"orphans stay", "a", metav1.DeletePropagationOrphan, "[b c d e]"},
		{"a second owner keeps it", "d", metav1.DeletePropagationForeground, "[a b c e]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 {
				seed := rand.Uint64()
				synctest.Test(t, func(t *testing.T) {
					api := fake.New(object("a"), object("b", "a"), object("c", "b"), object("d"), object("e", "d", "x"), object("lost", "nobody")).Guarded(t)
					api.Put(object("x"))
					ctx, cancel := context.WithCancel(t.Context())
					defer synctest.Wait()
					defer cancel()
					informers := client.NewInformers(api)
					gc := garbagecollector.New(api, informers, resources)
					informers.Start(ctx)
					api.SetFaults(fake.Faults{Rand: rand.New(rand.NewPCG(seed, 1)), Fail: 0.1, Lose: 0.1, Conflict: 0.1, EndWatch: 0.1})
					go gc.Run(ctx)
					time.Sleep(time.Minute)
					api.SetFaults(fake.Faults{})
					if c.delete != "" {
						if err := client.Of(api, client.ConfigMaps).Delete(ctx, "default", c.delete, metav1.DeleteOptions{PropagationPolicy: &c.policy}); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(5 * time.Minute)
					synctest.Wait()
					all, _, err := client.Of(api, client.ConfigMaps).List(ctx, "", metav1.ListOptions{})
					if err != nil {
						t.Fatal(err)
					}
					names := []string{}
					for _, m := range all {
						if m.Name != "x" {
							names = append(names, m.Name)
						}
					}
					if got := fmt.Sprint(names); got != c.want {
						t.Errorf("seed %d: got %s, want %s", seed, got, c.want)
					}
				})
			}
		})
	}
}
