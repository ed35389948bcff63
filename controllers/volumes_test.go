package controllers_test

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
)

func volume(name, size string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{"kubernetes.io/pv-protection"}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)},
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		},
	}
}

func TestClaimLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, api, stop := cluster(t)
		defer stop()
		volumes, claims := client.Of(api, client.PersistentVolumes), client.Of(api, client.PersistentVolumeClaims)
		for name, size := range map[string]string{"small": "1Gi", "right": "5Gi", "large": "9Gi"} {
			volumes.Create(ctx, volume(name, size))
		}
		claims.Create(ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data", Finalizers: []string{"kubernetes.io/pvc-protection"}},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("2Gi")}},
			},
		})
		phase := func(name string, want corev1.PersistentVolumePhase) {
			t.Helper()
			if v, _ := volumes.Get(ctx, "", name); v.Status.Phase != want {
				t.Errorf("%s: got %q, want %q", name, v.Status.Phase, want)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		claim, _ := claims.Get(ctx, "shop", "data")
		if claim.Status.Phase != corev1.ClaimBound || claim.Spec.VolumeName != "right" {
			t.Fatalf("claim: got %+v, %+v", claim.Spec, claim.Status)
		}
		phase("right", corev1.VolumeBound)
		phase("small", corev1.VolumeAvailable)

		api.Put(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}})
		client.Of(api, client.Pods).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "user"},
			Spec: corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "c"}}, Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}},
		})
		claims.Delete(ctx, "shop", "data", metav1.DeleteOptions{})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, err := claims.Get(ctx, "shop", "data"); err != nil {
			t.Errorf("the claim of a running pod: %v", err)
		}
		zero := int64(0)
		client.Of(api, client.Pods).Delete(ctx, "shop", "user", metav1.DeleteOptions{GracePeriodSeconds: &zero})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if _, err := claims.Get(ctx, "shop", "data"); !apierrors.IsNotFound(err) {
			t.Errorf("the claim without a user: %v", err)
		}
		phase("right", corev1.VolumeReleased)
		volumes.Delete(ctx, "", "right", metav1.DeleteOptions{})
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := volumes.Get(ctx, "", "right"); !apierrors.IsNotFound(err) {
			t.Errorf("the released volume: %v", err)
		}
	})
}
