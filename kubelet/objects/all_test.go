package objects

import (
	"context"
	"testing"
	"testing/synctest"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/client"
	"minke/client/fake"
)

func TestAll(t *testing.T) {
	bundle := func(name string) *certificatesv1.ClusterTrustBundle {
		return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	for name, of := range map[string]func(*certificatesv1.ClusterTrustBundle) types.UID{
		"all are told":      nil,
		"the owner is told": func(b *certificatesv1.ClusterTrustBundle) types.UID { return types.UID(b.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				api := fake.New(bundle("before")).Guarded(t)
				told := map[types.UID]int{}
				a := NewAll(ctx, api, client.ClusterTrustBundles, of, func(owner types.UID) { told[owner]++ })
				synctest.Wait()
				if len(told) != 0 {
					t.Errorf("told %v before anybody asked", told)
				}
				view, err := a.View(ctx, "p")
				if err != nil || len(view.List("", nil)) != 1 {
					t.Fatalf("%v, %v", view, err)
				}
				if _, err := a.View(ctx, "q"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				a.Forget("q")
				clear(told)
				api.Put(bundle("p"))
				synctest.Wait()
				if told["p"] != 1 || told["q"] != 0 || len(view.List("", nil)) != 2 {
					t.Errorf("told %v", told)
				}
			})
		})
	}
}
