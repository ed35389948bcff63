package job_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// A pod that no job owns any more must not keep the finalizer: nobody else
// removes it, and the pod, and with it its namespace, could never go.
func TestStraysLoseTheFinalizer(t *testing.T) {
	for name, patch := range map[string]string{
		"released for its labels":    `{"metadata":{"labels":null}}`,
		"orphaned, and of no job":    `{"metadata":{"labels":null,"ownerReferences":null}}`,
		"orphaned, then job deleted": `{"metadata":{"ownerReferences":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, api, stop := start(t, nil)
				defer stop()
				j := newJob("long", 1, 1)
				if _, err := client.Of(api, client.Jobs).Create(ctx, j); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				pods := client.Of(api, client.Pods)
				list, _, err := pods.List(ctx, "default", metav1.ListOptions{})
				if err != nil || len(list) != 1 {
					t.Fatalf("pods: %v, %v", list, err)
				}
				pod := list[0]
				if fmt.Sprint(pod.Finalizers) != "[batch.kubernetes.io/job-tracking]" {
					t.Fatalf("finalizers at first: %v", pod.Finalizers)
				}
				if name == "orphaned, then job deleted" {
					if err := client.Of(api, client.Jobs).Delete(ctx, "default", "work", metav1.DeleteOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := pods.Patch(ctx, "default", pod.Name, types.MergePatchType, []byte(patch)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				got, err := pods.Get(ctx, "default", pod.Name)
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Finalizers)+len(got.OwnerReferences) > 0 {
					t.Errorf("it has finalizers %v and owners %v", got.Finalizers, got.OwnerReferences)
				}
			})
		})
	}
}
