// Package volumeprotection lets go of PersistentVolumeClaims, PersistentVolumes
// and VolumeAttributesClasses that are being deleted, once nothing uses them.
package volumeprotection

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/reconcile"
	"minke/controllers/podcontrol"
)

const (
	claimFinalizer  = "kubernetes.io/pvc-protection"
	volumeFinalizer = "kubernetes.io/pv-protection"
	// byClaim maps namespace/claim to the pods that use it.
	byClaim = "claim"
)

// Controller guards claims and volumes.
type Controller struct {
	claims     client.Resource[*corev1.PersistentVolumeClaim]
	volumes    client.Resource[*corev1.PersistentVolume]
	pods       client.Resource[*corev1.Pod]
	claimView  client.Informer[*corev1.PersistentVolumeClaim]
	volumeView client.Informer[*corev1.PersistentVolume]
	podView    client.Informer[*corev1.Pod]
	claimLoop  *reconcile.Loop
	volumeLoop *reconcile.Loop
}

// New returns the controller. Claims and volumes are written with the rights of
// different accounts.
func New(api, volumes client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		claims: client.Of(api, client.PersistentVolumeClaims), volumes: client.Of(volumes, client.PersistentVolumes), pods: client.Of(api, client.Pods),
		claimView: client.InformerOf(informers, client.PersistentVolumeClaims), volumeView: client.InformerOf(informers, client.PersistentVolumes),
		podView: client.InformerOf(informers, client.Pods),
	}
	c.claimLoop = reconcile.New("pvc-protection-controller", reconcile.Options{LastDelay: time.Minute}, c.syncClaim)
	c.volumeLoop = reconcile.New("pv-protection-controller", reconcile.Options{LastDelay: time.Minute}, c.syncVolume)
	c.podView.AddIndex(byClaim, claimsOf)
	claim := func(pvc *corev1.PersistentVolumeClaim) {
		if concerns(pvc, claimFinalizer) {
			c.claimLoop.Add(client.KeyOf(pvc))
		}
	}
	c.claimView.Handle(client.Handler[*corev1.PersistentVolumeClaim]{Add: claim, Update: func(_, pvc *corev1.PersistentVolumeClaim) { claim(pvc) }})
	volume := func(pv *corev1.PersistentVolume) {
		if concerns(pv, volumeFinalizer) {
			c.volumeLoop.Add(client.KeyOf(pv))
		}
	}
	c.volumeView.Handle(client.Handler[*corev1.PersistentVolume]{Add: volume, Update: func(_, pv *corev1.PersistentVolume) { volume(pv) }})
	gone := func(pod *corev1.Pod) {
		for _, value := range claimsOf(pod) {
			c.claimLoop.Add(client.Key{Namespace: pod.Namespace, Name: value[len(pod.Namespace)+1:]})
		}
	}
	c.podView.Handle(client.Handler[*corev1.Pod]{Delete: gone, Update: func(_, pod *corev1.Pod) {
		if podcontrol.Finished(pod) {
			gone(pod)
		}
	}})
	return c
}

// Run guards until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.claimView.Synced(), c.volumeView.Synced(), c.podView.Synced()); err != nil {
		return fmt.Errorf("volume protection: %w", err)
	}
	var running sync.WaitGroup
	running.Go(func() { c.claimLoop.Run(ctx, 2) })
	running.Go(func() { c.volumeLoop.Run(ctx, 1) })
	running.Wait()
	return nil
}

// claimsOf lists the claims that the pod uses, its generated ones too.
func claimsOf(pod *corev1.Pod) []string {
	var used []string
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.PersistentVolumeClaim != nil:
			used = append(used, pod.Namespace+"/"+v.PersistentVolumeClaim.ClaimName)
		case v.Ephemeral != nil:
			used = append(used, pod.Namespace+"/"+pod.Name+"-"+v.Name)
		}
	}
	return used
}

// syncClaim lets a claim go when no pod uses it. A pod that has ended, or that
// no node has, does not. A claim that is older than its protection gets it.
func (c *Controller) syncClaim(ctx context.Context, key client.Key) error {
	claim, ok := c.claimView.Get(key.Namespace, key.Name)
	if !ok || !concerns(claim, claimFinalizer) {
		return nil
	}
	if claim.DeletionTimestamp == nil {
		return hold(ctx, c.claims, claim, claimFinalizer)
	}
	uses := func(pod *corev1.Pod) bool { return !podcontrol.Finished(pod) && pod.Spec.NodeName != "" }
	if slices.ContainsFunc(c.podView.Indexed(byClaim, key.String()), uses) {
		return nil
	}
	// The view may be behind: what is let go here is lost for good.
	live, _, err := c.pods.List(ctx, key.Namespace, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("look for users of claim %s: %w", key, err)
	}
	for _, pod := range live {
		if uses(pod) && slices.Contains(claimsOf(pod), key.String()) {
			return fmt.Errorf("let claim %s go: pod %s uses it", key, pod.Name)
		}
	}
	return release(ctx, c.claims, claim, claimFinalizer)
}

func (c *Controller) syncVolume(ctx context.Context, key client.Key) error {
	volume, ok := c.volumeView.Get("", key.Name)
	switch {
	case !ok || !concerns(volume, volumeFinalizer):
		return nil
	case volume.DeletionTimestamp == nil:
		return hold(ctx, c.volumes, volume, volumeFinalizer)
	case volume.Status.Phase == corev1.VolumeBound:
		return nil
	}
	return release(ctx, c.volumes, volume, volumeFinalizer)
}
