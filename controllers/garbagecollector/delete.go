package garbagecollector

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// attemptDelete looks at one object by the server's own state: the graph only
// says where to look.
func (c *Controller) attemptDelete(ctx context.Context, key client.Key) error {
	n := c.graph.get(types.UID(key.Name))
	if n == nil || n.deleting && !n.foreground {
		return nil
	}
	obj, err := c.read(ctx, n.resource, n.key)
	if apierrors.IsNotFound(err) || err == nil && obj.GetUID() != n.uid {
		// The view is behind: its event comes.
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s %s: %w", n.resource.Kind, n.key, err)
	}
	if now := nodeOf(n.resource, obj); now.foreground {
		return c.foreground(ctx, now, obj)
	} else if now.deleting {
		return nil
	}
	owners, err := c.classify(ctx, n, obj)
	if err != nil {
		return err
	}
	return c.decide(ctx, n, obj, owners)
}

// owners are an object's owner references by the state of what they name.
type owners struct {
	// solid ones exist, dangling ones do not, waiting ones are being deleted
	// in the foreground and wait for this object.
	solid, dangling, waiting []metav1.OwnerReference
}

func (c *Controller) classify(ctx context.Context, n *node, obj client.Object) (owners, error) {
	var o owners
	for _, ref := range obj.GetOwnerReferences() {
		resource, err := c.resourceOf(ref)
		if err != nil {
			// Nothing is deleted on behalf of an owner that nobody can look up.
			return o, err
		}
		namespace := n.key.Namespace
		if resource.Cluster {
			namespace = ""
		} else if namespace == "" {
			c.warn(obj, "ownerRef [%s/%s, name: %s, uid: %s] does not exist in namespace %q", ref.APIVersion, ref.Kind, ref.Name, ref.UID, "")
			o.solid = append(o.solid, ref)
			continue
		}
		owner, err := c.read(ctx, resource, client.Key{Namespace: namespace, Name: ref.Name})
		switch {
		case apierrors.IsNotFound(err), err == nil && owner.GetUID() != ref.UID:
			o.dangling = append(o.dangling, ref)
		case err != nil:
			return o, fmt.Errorf("look up owner %s %s: %w", ref.Kind, ref.Name, err)
		case owner.GetDeletionTimestamp() != nil && slices.Contains(owner.GetFinalizers(), metav1.FinalizerDeleteDependents):
			o.waiting = append(o.waiting, ref)
		default:
			o.solid = append(o.solid, ref)
			if !c.seen(ref, namespace) {
				c.deletes.AddAfter(keyOf(n.uid), lookAgain)
			}
		}
	}
	return o, nil
}

// decide acts on the owners:
//
//	none ──────────────────► keep
//	some solid ────────────► keep, drop references to the others
//	none solid, one waiting ► delete; in the foreground if it has dependents
//	all dangling ──────────► delete, by the finalizers it has
func (c *Controller) decide(ctx context.Context, n *node, obj client.Object, o owners) error {
	gone := len(o.dangling) + len(o.waiting)
	switch {
	case gone == 0:
		return nil
	case len(o.solid) > 0:
		return c.setOwners(ctx, n, obj, o.solid)
	case len(o.waiting) > 0:
		dependents := c.graph.dependentsOf(n.uid)
		if len(dependents) == 0 {
			return c.delete(ctx, n, obj, metav1.DeletePropagationBackground)
		}
		for _, d := range dependents {
			if d.foreground && blocking(obj) {
				// A circle in which each waits for the other: let go first.
				return c.unblock(ctx, n, obj)
			}
		}
		return c.delete(ctx, n, obj, metav1.DeletePropagationForeground)
	}
	policy := metav1.DeletePropagationBackground
	if slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents) {
		policy = metav1.DeletePropagationOrphan
	} else if slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents) {
		policy = metav1.DeletePropagationForeground
	}
	return c.delete(ctx, n, obj, policy)
}

// foreground deletes the dependents of n and, when none is left that blocks,
// lets n go.
func (c *Controller) foreground(ctx context.Context, n *node, obj client.Object) error {
	blocked := false
	for _, d := range c.graph.dependentsOf(n.uid) {
		if !d.blocks(n.uid) {
			continue
		}
		blocked = true
		if !d.foreground {
			c.deletes.Add(keyOf(d.uid))
		}
	}
	if blocked {
		return nil
	}
	return c.dropFinalizer(ctx, n, obj, metav1.FinalizerDeleteDependents)
}

func (c *Controller) delete(ctx context.Context, n *node, obj client.Object, policy metav1.DeletionPropagation) error {
	uid, version := obj.GetUID(), obj.GetResourceVersion()
	ctx, cancel := bounded(ctx, n.resource)
	defer cancel()
	_, err := c.api.Do(ctx, client.Request{
		Verb: "delete", Resource: n.resource.Resource, Namespace: n.key.Namespace, Name: n.key.Name,
		Delete: metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s %s: %w", n.resource.Kind, n.key, err)
	}
	return nil
}

func (c *Controller) setOwners(ctx context.Context, n *node, obj client.Object, refs []metav1.OwnerReference) error {
	if refs == nil {
		refs = []metav1.OwnerReference{}
	}
	return c.patch(ctx, n, obj, map[string]any{"ownerReferences": refs})
}

// blocking tells whether any owner may wait for obj.
func blocking(obj client.Object) bool {
	return slices.ContainsFunc(obj.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
		return ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
	})
}

// unblock keeps the references but lets no owner wait for this object. It ends
// in an error, so that the object is looked at again and then deleted.
func (c *Controller) unblock(ctx context.Context, n *node, obj client.Object) error {
	refs := slices.Clone(obj.GetOwnerReferences())
	no := false
	for i := range refs {
		refs[i].BlockOwnerDeletion = &no
	}
	if err := c.setOwners(ctx, n, obj, refs); err != nil {
		return err
	}
	// The version has moved on: delete at the next look.
	return fmt.Errorf("delete %s %s: its owners no longer wait for it, next it goes", n.resource.Kind, n.key)
}

func (c *Controller) dropFinalizer(ctx context.Context, n *node, obj client.Object, finalizer string) error {
	left := slices.DeleteFunc(slices.Clone(obj.GetFinalizers()), func(f string) bool { return f == finalizer })
	if len(left) == len(obj.GetFinalizers()) {
		return nil
	}
	if left == nil {
		left = []string{}
	}
	return c.patch(ctx, n, obj, map[string]any{"finalizers": left})
}

// patch changes metadata of exactly this version of the object. A merge patch
// serves every kind, custom resources too.
func (c *Controller) patch(ctx context.Context, n *node, obj client.Object, metadata map[string]any) error {
	metadata["uid"], metadata["resourceVersion"] = obj.GetUID(), obj.GetResourceVersion()
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, n.resource)
	defer cancel()
	_, err = c.api.Do(ctx, client.Request{
		Verb: "patch", Resource: n.resource.Resource, Namespace: n.key.Namespace, Name: n.key.Name,
		PatchType: types.MergePatchType, Patch: patch,
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch %s %s: %w", n.resource.Kind, n.key, err)
	}
	return nil
}

// attemptOrphan lets the dependents of an object loose and then the object go.
func (c *Controller) attemptOrphan(ctx context.Context, key client.Key) error {
	n := c.graph.get(types.UID(key.Name))
	if n == nil || !n.orphan {
		return nil
	}
	for _, d := range c.graph.dependentsOf(n.uid) {
		obj, err := c.read(ctx, d.resource, d.key)
		if apierrors.IsNotFound(err) || err == nil && obj.GetUID() != d.uid {
			continue
		}
		if err != nil {
			return fmt.Errorf("orphan %s %s: %w", d.resource.Kind, d.key, err)
		}
		left := slices.DeleteFunc(slices.Clone(obj.GetOwnerReferences()), func(ref metav1.OwnerReference) bool { return ref.UID == n.uid })
		if len(left) == len(obj.GetOwnerReferences()) {
			continue
		}
		if err := c.setOwners(ctx, d, obj, left); err != nil {
			return err
		}
	}
	obj, err := c.read(ctx, n.resource, n.key)
	if apierrors.IsNotFound(err) || err == nil && obj.GetUID() != n.uid {
		return nil
	}
	if err != nil {
		return fmt.Errorf("orphan dependents of %s %s: %w", n.resource.Kind, n.key, err)
	}
	return c.dropFinalizer(ctx, n, obj, metav1.FinalizerOrphanDependents)
}
