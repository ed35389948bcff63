package statefulset_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

// owners lists whose each claim is: "Kind/name" of the owner, "-" without one,
// "gone" where there is no claim.
func (w *world) owners(n int) string {
	w.Helper()
	owners := make([]string, n)
	for i := range n {
		claim, err := client.Of(w.api, client.PersistentVolumeClaims).Get(w.ctx, "default", fmt.Sprint("data-db-", i))
		switch {
		case err != nil:
			owners[i] = "gone"
		case len(claim.OwnerReferences) == 0:
			owners[i] = "-"
		default:
			for _, ref := range claim.OwnerReferences {
				owners[i] += ref.Kind + "/" + ref.Name
			}
		}
	}
	return fmt.Sprint(owners)
}

func (w *world) settle() {
	time.Sleep(20 * time.Minute)
	synctest.Wait()
}

func (w *world) expectOwners(want string, n int) {
	w.Helper()
	w.settle()
	if got := w.owners(n); got != want {
		w.Errorf("owners of the claims: got %s, want %s", got, want)
	}
}

func policy(deleted, scaled string) *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy {
	return &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenDeleted: appsv1.PersistentVolumeClaimRetentionPolicyType(deleted), WhenScaled: appsv1.PersistentVolumeClaimRetentionPolicyType(scaled),
	}
}

// What is deleted with what is told to the garbage collector by owners.
func TestRetentionPolicy(t *testing.T) {
	for _, c := range []struct{ deleted, scaled, up, down string }{
		{"Retain", "Retain", "[- - -]", "[- - -]"},
		{"Delete", "Retain", "[StatefulSet/db StatefulSet/db StatefulSet/db]", "[StatefulSet/db StatefulSet/db StatefulSet/db]"},
		{"Retain", "Delete", "[- - -]", "[- Pod/db-1 Pod/db-2]"},
		{"Delete", "Delete", "[StatefulSet/db StatefulSet/db StatefulSet/db]", "[StatefulSet/db Pod/db-1 Pod/db-2]"},
	} {
		t.Run(c.deleted+c.scaled, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, done := start(t, nil)
				defer done()
				set := newSet(3)
				set.Spec.PersistentVolumeClaimRetentionPolicy = policy(c.deleted, c.scaled)
				client.Of(w.api, client.StatefulSets).Create(w.ctx, set)
				w.expectOwners(c.up, 3)
				w.patch(`{"spec":{"replicas":1}}`)
				w.expectOwners(c.down, 3)
			})
		})
	}
}

func TestRetentionPolicyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := start(t, nil)
		defer done()
		client.Of(w.api, client.StatefulSets).Create(w.ctx, newSet(2))
		w.expectOwners("[- -]", 2)
		w.patch(`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}}`)
		w.expectOwners("[StatefulSet/db StatefulSet/db]", 2)
		w.patch(`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}}}`)
		w.expectOwners("[- -]", 2)
	})
}

func (w *world) own(claim string, ref metav1.OwnerReference) {
	w.Helper()
	claims := client.Of(w.api, client.PersistentVolumeClaims)
	c, err := claims.Get(w.ctx, "default", claim)
	if err == nil {
		c = c.DeepCopy()
		c.OwnerReferences = append(c.OwnerReferences, ref)
		_, err = claims.Update(w.ctx, c)
	}
	if err != nil {
		w.Fatal(err)
	}
}

// Claims that somebody else controls, or an earlier set of this name, are not ours to give away.
func TestClaimsOfOthers(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		ref  metav1.OwnerReference
		want string
	}{
		"another controller": {metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other", Controller: &yes}, "[- ConfigMap/other]"},
		"another owner":      {metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"}, "[- ConfigMap/otherPod/db-1]"},
		"an earlier set":     {metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "earlier", Controller: &yes}, "[- StatefulSet/db]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, done := start(t, nil)
				defer done()
				set := newSet(2)
				set.Spec.PersistentVolumeClaimRetentionPolicy = policy("Retain", "Delete")
				client.Of(w.api, client.StatefulSets).Create(w.ctx, set)
				w.expect("[v0 v0]", 2)
				w.own("data-db-1", c.ref)
				w.settle()
				w.patch(`{"spec":{"replicas":1}}`)
				w.expectOwners(c.want, 2)
			})
		})
	}
}

// A member does not take up the claim that goes with its predecessor.
func TestAwaitsDeletionOfClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := start(t, nil)
		defer done()
		set := newSet(2)
		set.Spec.PersistentVolumeClaimRetentionPolicy = policy("Retain", "Delete")
		client.Of(w.api, client.StatefulSets).Create(w.ctx, set)
		w.expect("[v0 v0]", 2)
		w.patch(`{"spec":{"replicas":1}}`)
		w.expect("[v0 -]", 2)
		w.patch(`{"spec":{"replicas":2}}`)
		w.expect("[v0 -]", 2)
		// The garbage collector's part.
		if err := client.Of(w.api, client.PersistentVolumeClaims).Delete(w.ctx, "default", "data-db-1", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.expect("[v0 v0]", 2)
		w.expectOwners("[- -]", 2)
	})
}

// A pod that waits for a claim which was deleted gets another.
func TestMakesClaimOfPendingPodAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, done := startWithoutNodes(t)
		defer done()
		client.Of(w.api, client.StatefulSets).Create(w.ctx, newSet(1))
		w.settle()
		pods, claims := client.Of(w.api, client.Pods), client.Of(w.api, client.PersistentVolumeClaims)
		pod, err := pods.Get(w.ctx, "default", "db-0")
		if err != nil {
			t.Fatal(err)
		}
		pod = pod.DeepCopy()
		pod.Status.Phase = corev1.PodPending
		if _, err := pods.UpdateStatus(w.ctx, pod); err != nil {
			t.Fatal(err)
		}
		before, err := claims.Get(w.ctx, "default", "data-db-0")
		if err != nil {
			t.Fatal(err)
		}
		if err := claims.Delete(w.ctx, "default", "data-db-0", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if after, err := claims.Get(w.ctx, "default", "data-db-0"); err != nil || after.UID == before.UID {
			t.Errorf("got claim %v, error %v, want a new one", after, err)
		}
	})
}
