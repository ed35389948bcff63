package podcontrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// Claim decides which objects of type T belong to an owner.
type Claim[T client.Object] struct {
	API      client.Resource[T]
	Informer client.Informer[T]
	Owner    client.Object
	Kind     schema.GroupVersionKind
	Selector labels.Selector
	// Fresh reads the owner from the server, past all caches. An owner that
	// is being deleted, or another of the same name, must adopt nothing.
	Fresh func(context.Context) (client.Object, error)
	// Adoptable, when set, narrows what may be adopted.
	Adoptable func(T) bool
	// Finalizer, when set, is the owner's own, which a released object loses:
	// nobody else would remove it.
	Finalizer string
}

// Objects adopts the orphans that the selector matches, releases what it does
// not match any more, and returns what the owner then controls.
func (c *Claim[T]) Objects(ctx context.Context) ([]T, error) {
	var claimed []T
	var errs []error
	for _, obj := range Owned(c.Informer, c.Owner) {
		if c.Selector.Matches(labels.Set(obj.GetLabels())) || c.Owner.GetDeletionTimestamp() != nil {
			claimed = append(claimed, obj)
		} else if err := c.release(ctx, obj); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Owner.GetDeletionTimestamp() != nil || c.Selector.Empty() {
		return claimed, errors.Join(errs...)
	}
	checked := false
	for _, obj := range c.Informer.Indexed(Orphans, c.Owner.GetNamespace()) {
		if obj.GetDeletionTimestamp() != nil || !c.Selector.Matches(labels.Set(obj.GetLabels())) || c.Adoptable != nil && !c.Adoptable(obj) {
			continue
		}
		if !checked {
			if err := c.check(ctx); err != nil {
				return claimed, errors.Join(append(errs, err)...)
			}
			checked = true
		}
		adopted, err := c.adopt(ctx, obj)
		if err != nil {
			errs = append(errs, err)
		} else if adopted != nil {
			claimed = append(claimed, *adopted)
		}
	}
	return claimed, errors.Join(errs...)
}

func (c *Claim[T]) check(ctx context.Context) error {
	fresh, err := c.Fresh(ctx)
	if err != nil {
		return fmt.Errorf("adopt for %s: %w", client.KeyOf(c.Owner), err)
	}
	if fresh.GetUID() != c.Owner.GetUID() {
		return fmt.Errorf("adopt for %s: the owner is gone, the one there now has uid %s", client.KeyOf(c.Owner), fresh.GetUID())
	}
	if fresh.GetDeletionTimestamp() != nil {
		return fmt.Errorf("adopt for %s: the owner is being deleted", client.KeyOf(c.Owner))
	}
	return nil
}

func (c *Claim[T]) adopt(ctx context.Context, obj T) (*T, error) {
	ref := metav1.NewControllerRef(c.Owner, c.Kind)
	adopted, err := c.patch(ctx, obj, map[string]any{"ownerReferences": []any{*ref}})
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		// It is gone, or somebody else was faster.
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("adopt %s: %w", client.KeyOf(obj), err)
	}
	return &adopted, nil
}

func (c *Claim[T]) release(ctx context.Context, obj T) error {
	fields := map[string]any{"ownerReferences": []any{map[string]string{"$patch": "delete", "uid": string(c.Owner.GetUID())}}}
	if c.Finalizer != "" {
		fields["$deleteFromPrimitiveList/finalizers"] = []string{c.Finalizer}
	}
	_, err := c.patch(ctx, obj, fields)
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsInvalid(err) {
		return nil
	}
	return fmt.Errorf("release %s: %w", client.KeyOf(obj), err)
}

// patch changes the metadata of exactly this object: its uid in the patch makes
// the server refuse another one of the same name.
func (c *Claim[T]) patch(ctx context.Context, obj T, fields map[string]any) (T, error) {
	fields["uid"] = obj.GetUID()
	patch, err := json.Marshal(map[string]any{"metadata": fields})
	if err != nil {
		return obj, err
	}
	return c.API.Patch(ctx, obj.GetNamespace(), obj.GetName(), types.StrategicMergePatchType, patch)
}
