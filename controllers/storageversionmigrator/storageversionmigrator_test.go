package storageversionmigrator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	migrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func migration(name, resource string) *migrationv1.StorageVersionMigration {
	return &migrationv1.StorageVersionMigration{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: migrationv1.StorageVersionMigrationSpec{Resource: metav1.GroupResource{Resource: resource}}}
}

func TestMigrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := func(name string) *corev1.Secret {
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}}
		}
		api := fake.New(secret("a"), secret("b")).Guarded(t)
		for _, m := range []*migrationv1.StorageVersionMigration{migration("good", "secrets"), migration("bad", "nothing")} {
			m.CreationTimestamp = metav1.Now()
			if _, err := client.Of(api, Migrations).Create(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		informers := client.NewInformers(api)
		c := New(api, informers, func(context.Context) ([]client.APIResource, error) { return client.BuiltIn(), nil })
		informers.Start(ctx)
		go c.Run(ctx)
		synctest.Wait()

		patched := map[string]int{}
		for _, r := range api.Requests() {
			if r.Verb == "patch" {
				patched[r.Name]++
			}
		}
		if len(patched) != 2 || patched["a"] != 1 || patched["b"] != 1 {
			t.Errorf("patched %v", patched)
		}
		// Its resource may be defined yet.
		early, err := client.Of(api, Migrations).Get(ctx, "", "bad")
		if err != nil || len(early.Status.Conditions) > 0 {
			t.Errorf("a migration of what is not there: %+v, %v", early.Status, err)
		}
		time.Sleep(patience)
		synctest.Wait()
		for name, want := range map[string]string{"good": "Succeeded", "bad": "Failed"} {
			m, err := client.Of(api, Migrations).Get(ctx, "", name)
			if err != nil {
				t.Fatal(err)
			}
			if !meta.IsStatusConditionTrue(m.Status.Conditions, want) || meta.IsStatusConditionTrue(m.Status.Conditions, "Running") {
				t.Errorf("%s: %+v", name, m.Status)
			}
			if name == "good" && m.Status.ResourceVersion == "" {
				t.Errorf("%s does not tell the revision it began at", name)
			}
		}
		cancel()
		synctest.Wait()
	})
}
