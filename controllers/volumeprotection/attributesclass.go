package volumeprotection

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/quota"
	"minke/client"
	"minke/client/reconcile"
)

const (
	classComponent = "volumeattributesclass-protection-controller"
	classFinalizer = "kubernetes.io/vac-protection"
	// byClass maps a class to the claims or volumes that name it.
	byClass = "volumeAttributesClass"
)

// ClassController guards VolumeAttributesClasses (KEP-3751).
type ClassController struct {
	classes    client.Resource[*storagev1.VolumeAttributesClass]
	claims     client.Resource[*corev1.PersistentVolumeClaim]
	volumes    client.Resource[*corev1.PersistentVolume]
	classView  client.Informer[*storagev1.VolumeAttributesClass]
	claimView  client.Informer[*corev1.PersistentVolumeClaim]
	volumeView client.Informer[*corev1.PersistentVolume]
	loop       *reconcile.Loop
}

// NewClass returns the controller of classes.
func NewClass(api client.Interface, informers *client.Informers) *ClassController {
	c := &ClassController{
		classes: client.Of(api, client.VolumeAttributesClasses), claims: client.Of(api, client.PersistentVolumeClaims), volumes: client.Of(api, client.PersistentVolumes),
		classView: client.InformerOf(informers, client.VolumeAttributesClasses), claimView: client.InformerOf(informers, client.PersistentVolumeClaims),
		volumeView: client.InformerOf(informers, client.PersistentVolumes),
	}
	c.loop = reconcile.New(classComponent, reconcile.Options{LastDelay: time.Minute}, c.sync)
	class := func(vac *storagev1.VolumeAttributesClass) {
		if concerns(vac, classFinalizer) {
			c.loop.Add(client.KeyOf(vac))
		}
	}
	c.classView.Handle(client.Handler[*storagev1.VolumeAttributesClass]{Add: class, Update: func(_, vac *storagev1.VolumeAttributesClass) { class(vac) }})
	follow(c.loop, c.claimView, quota.AttributesClasses)
	follow(c.loop, c.volumeView, classesOf)
	return c
}

// follow has each class looked at that an object does not name any more.
func follow[T client.Object](loop *reconcile.Loop, view client.Informer[T], named func(T) []string) {
	view.AddIndex(byClass, named)
	left := func(before, now []string) {
		for _, name := range before {
			if !slices.Contains(now, name) {
				loop.Add(client.Key{Name: name})
			}
		}
	}
	view.Handle(client.Handler[T]{
		Update: func(old, obj T) { left(named(old), named(obj)) },
		Delete: func(obj T) { left(named(obj), nil) },
	})
}

// classesOf is the class that the volume names, if it does.
func classesOf(volume *corev1.PersistentVolume) []string {
	if name := volume.Spec.VolumeAttributesClassName; name != nil && *name != "" {
		return []string{*name}
	}
	return nil
}

// Run guards until ctx ends.
func (c *ClassController) Run(ctx context.Context) error {
	if err := reconcile.WaitFor(ctx, c.classView.Synced(), c.claimView.Synced(), c.volumeView.Synced()); err != nil {
		return fmt.Errorf("%s: %w", classComponent, err)
	}
	c.loop.Run(ctx, 1)
	return nil
}

// sync lets a class go when no claim and no volume names it. A class that is older
// than its protection gets it.
func (c *ClassController) sync(ctx context.Context, key client.Key) error {
	class, ok := c.classView.Get("", key.Name)
	if !ok || !concerns(class, classFinalizer) {
		return nil
	}
	if class.DeletionTimestamp == nil {
		return hold(ctx, c.classes, class, classFinalizer)
	}
	if len(c.claimView.Indexed(byClass, key.Name)) > 0 || len(c.volumeView.Indexed(byClass, key.Name)) > 0 {
		return nil
	}
	// The views may be behind, each by another while.
	if err := unnamed(ctx, c.claims, key.Name, quota.AttributesClasses); err != nil {
		return err
	}
	if err := unnamed(ctx, c.volumes, key.Name, classesOf); err != nil {
		return err
	}
	return release(ctx, c.classes, class, classFinalizer)
}

// unnamed returns an error if one of all objects names the class.
func unnamed[T client.Object](ctx context.Context, verbs client.Resource[T], class string, named func(T) []string) error {
	live, _, err := verbs.List(ctx, "", metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("look for users of VolumeAttributesClass %s: %w", class, err)
	}
	for _, obj := range live {
		if slices.Contains(named(obj), class) {
			return fmt.Errorf("release VolumeAttributesClass %s: %T %s names it", class, obj, client.KeyOf(obj))
		}
	}
	return nil
}
