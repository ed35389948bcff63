// Package persistentvolume binds PersistentVolumeClaims to PersistentVolumes
// that suit them, and asks external provisioners for those that have none.
package persistentvolume

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/events"
	"minke/client/reconcile"
)

const (
	component = "persistentvolume-controller"

	boundByController = "pv.kubernetes.io/bound-by-controller"
	bindCompleted     = "pv.kubernetes.io/bind-completed"
	provisioner       = "volume.kubernetes.io/storage-provisioner"
	selectedNode      = "volume.kubernetes.io/selected-node"
	noProvisioner     = "kubernetes.io/no-provisioner"
)

// Controller binds. Both kinds pass through one worker, so that one volume is
// never given to two claims.
type Controller struct {
	claims     client.Resource[*corev1.PersistentVolumeClaim]
	volumes    client.Resource[*corev1.PersistentVolume]
	claimView  client.Informer[*corev1.PersistentVolumeClaim]
	volumeView client.Informer[*corev1.PersistentVolume]
	classes    client.Informer[*storagev1.StorageClass]
	loop       *reconcile.Loop
	events     *events.Recorder
}

// New returns the controller.
func New(api client.Interface, informers *client.Informers) *Controller {
	c := &Controller{
		claims: client.Of(api, client.PersistentVolumeClaims), volumes: client.Of(api, client.PersistentVolumes),
		claimView: client.InformerOf(informers, client.PersistentVolumeClaims), volumeView: client.InformerOf(informers, client.PersistentVolumes),
		classes: client.InformerOf(informers, client.StorageClasses), events: events.NewRecorder(api, component, ""),
	}
	// A key without a namespace is a volume's.
	c.loop = reconcile.New(component, reconcile.Options{LastDelay: time.Minute}, func(ctx context.Context, key client.Key) error {
		if key.Namespace == "" {
			return c.syncVolume(ctx, key)
		}
		return c.syncClaim(ctx, key)
	})
	wakePending := func() {
		for _, claim := range c.claimView.List("", nil) {
			if claim.Status.Phase != corev1.ClaimBound {
				c.loop.Add(client.KeyOf(claim))
			}
		}
	}
	volume := func(pv *corev1.PersistentVolume) {
		c.loop.Add(client.KeyOf(pv))
		if ref := pv.Spec.ClaimRef; ref != nil {
			c.loop.Add(client.Key{Namespace: ref.Namespace, Name: ref.Name})
		} else {
			wakePending()
		}
	}
	c.volumeView.Handle(client.Handler[*corev1.PersistentVolume]{Add: volume, Update: func(_, pv *corev1.PersistentVolume) { volume(pv) }, Delete: volume})
	claim := func(pvc *corev1.PersistentVolumeClaim) {
		c.loop.Add(client.KeyOf(pvc))
		if pvc.Spec.VolumeName != "" {
			c.loop.Add(client.Key{Name: pvc.Spec.VolumeName})
		}
	}
	c.claimView.Handle(client.Handler[*corev1.PersistentVolumeClaim]{Add: claim, Update: func(_, pvc *corev1.PersistentVolumeClaim) { claim(pvc) }, Delete: claim})
	c.classes.Handle(client.Handler[*storagev1.StorageClass]{Add: func(*storagev1.StorageClass) { wakePending() }})
	return c
}

// Run binds until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.claimView.Synced(), c.volumeView.Synced(), c.classes.Synced()); err != nil {
		return fmt.Errorf("%s: %w", component, err)
	}
	go c.events.Run(ctx)
	c.loop.Run(ctx, 1)
	return nil
}

// syncVolume sets the phase of a volume by its claim:
//
//	no claim ─► Available ─► claimed ─► Bound ─► claim gone ─► Released
func (c *Controller) syncVolume(ctx context.Context, key client.Key) error {
	volume, ok := c.volumeView.Get("", key.Name)
	if !ok {
		return nil
	}
	phase := corev1.VolumeAvailable
	if ref := volume.Spec.ClaimRef; ref != nil && ref.UID != "" {
		claim, err := c.claims.Get(ctx, ref.Namespace, ref.Name)
		switch {
		case apierrors.IsNotFound(err), err == nil && claim.UID != ref.UID:
			phase = corev1.VolumeReleased
		case err != nil:
			return fmt.Errorf("look for the claim of volume %s: %w", key, err)
		default:
			phase = corev1.VolumeBound
		}
	}
	return c.setPhase(ctx, volume, phase)
}

func (c *Controller) setPhase(ctx context.Context, volume *corev1.PersistentVolume, phase corev1.PersistentVolumePhase) error {
	if volume.Status.Phase == phase {
		return nil
	}
	next := volume.DeepCopy()
	next.Status.Phase = phase
	now := metav1.Now()
	next.Status.LastPhaseTransitionTime = &now
	if _, err := c.volumes.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("set phase of volume %s: %w", volume.Name, err)
	}
	return nil
}

// syncClaim binds a claim in three writes, each of which may be the last before
// a crash: the volume names the claim, the claim names the volume, the claim
// says that it is bound.
func (c *Controller) syncClaim(ctx context.Context, key client.Key) error {
	claim, ok := c.claimView.Get(key.Namespace, key.Name)
	if !ok || claim.DeletionTimestamp != nil && claim.Spec.VolumeName == "" {
		return nil
	}
	var volume *corev1.PersistentVolume
	if claim.Spec.VolumeName != "" {
		volume, ok = c.volumeView.Get("", claim.Spec.VolumeName)
		if !ok {
			if claim.Annotations[bindCompleted] != "" {
				return c.setClaim(ctx, claim, corev1.ClaimLost, nil)
			}
			return c.setClaim(ctx, claim, corev1.ClaimPending, nil)
		}
	} else if volume = c.find(claim); volume == nil {
		return c.provision(ctx, claim)
	}
	if ref := volume.Spec.ClaimRef; ref != nil && !names(ref, claim) {
		return c.setClaim(ctx, claim, corev1.ClaimPending, nil)
	}
	volume, err := c.takeVolume(ctx, volume, claim)
	if err != nil {
		return err
	}
	if claim, err = c.nameVolume(ctx, claim, volume.Name); err != nil {
		return err
	}
	return c.setClaim(ctx, claim, corev1.ClaimBound, volume)
}

func names(ref *corev1.ObjectReference, claim *corev1.PersistentVolumeClaim) bool {
	return ref.Namespace == claim.Namespace && ref.Name == claim.Name && (ref.UID == "" || ref.UID == claim.UID)
}

func (c *Controller) takeVolume(ctx context.Context, volume *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolume, error) {
	if ref := volume.Spec.ClaimRef; ref != nil && ref.UID == claim.UID {
		return volume, nil
	}
	next := volume.DeepCopy()
	if next.Spec.ClaimRef == nil {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, boundByController, "yes")
	}
	ref := events.Refer(claim)
	next.Spec.ClaimRef = &ref
	stored, err := c.volumes.Update(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("give volume %s to claim %s: %w", volume.Name, client.KeyOf(claim), err)
	}
	return stored, nil
}

func (c *Controller) nameVolume(ctx context.Context, claim *corev1.PersistentVolumeClaim, volume string) (*corev1.PersistentVolumeClaim, error) {
	next := claim.DeepCopy()
	if next.Spec.VolumeName == "" {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, boundByController, "yes")
	}
	next.Spec.VolumeName = volume
	metav1.SetMetaDataAnnotation(&next.ObjectMeta, bindCompleted, "yes")
	if equality.Semantic.DeepEqual(claim, next) {
		return claim, nil
	}
	stored, err := c.claims.Update(ctx, next)
	if err != nil {
		return nil, fmt.Errorf("bind claim %s to volume %s: %w", client.KeyOf(claim), volume, err)
	}
	return stored, nil
}

func (c *Controller) setClaim(ctx context.Context, claim *corev1.PersistentVolumeClaim, phase corev1.PersistentVolumeClaimPhase, volume *corev1.PersistentVolume) error {
	next := claim.DeepCopy()
	next.Status.Phase = phase
	if volume != nil && claim.Status.Phase != corev1.ClaimBound {
		next.Status.AccessModes = volume.Spec.AccessModes
		next.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: volume.Spec.Capacity[corev1.ResourceStorage]}
	}
	if equality.Semantic.DeepEqual(claim.Status, next.Status) {
		return nil
	}
	if _, err := c.claims.UpdateStatus(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("set phase of claim %s: %w", client.KeyOf(claim), err)
	}
	return nil
}

// provision asks for a volume: a provisioner elsewhere finds its name on the
// claim. With WaitForFirstConsumer the scheduler has to choose a node before.
func (c *Controller) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	class, ok := c.classOf(claim)
	if ok && class.Provisioner != noProvisioner && claim.Annotations[provisioner] != class.Provisioner && !c.waits(claim) {
		next := claim.DeepCopy()
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, provisioner, class.Provisioner)
		stored, err := c.claims.Update(ctx, next)
		if err != nil {
			return fmt.Errorf("ask for a volume for claim %s: %w", client.KeyOf(claim), err)
		}
		c.events.Event(stored, corev1.EventTypeNormal, "ExternalProvisioning", "Waiting for a volume to be created either by the external provisioner '%s' or manually by the system administrator.", class.Provisioner)
		claim = stored
	}
	return c.setClaim(ctx, claim, corev1.ClaimPending, nil)
}
