package volumeprotection

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/client"
)

// concerns tells that there is something to do about the object's finalizer: it
// stands on what is being deleted, or it is missing. Admission puts it on what is
// created; what is older than that, or was written past it, is without.
func concerns(obj client.Object, finalizer string) bool {
	return (obj.GetDeletionTimestamp() != nil) == slices.Contains(obj.GetFinalizers(), finalizer)
}

// hold puts the finalizer on the object.
func hold[T client.Object](ctx context.Context, verbs client.Resource[T], obj T, finalizer string) error {
	return write(ctx, verbs, obj, append(slices.Clone(obj.GetFinalizers()), finalizer), "hold")
}

// release takes the finalizer away, for good.
func release[T client.Object](ctx context.Context, verbs client.Resource[T], obj T, finalizer string) error {
	others := slices.DeleteFunc(slices.Clone(obj.GetFinalizers()), func(f string) bool { return f == finalizer })
	return write(ctx, verbs, obj, others, "release")
}

func write[T client.Object](ctx context.Context, verbs client.Resource[T], obj T, finalizers []string, what string) error {
	next := obj.DeepCopyObject().(T)
	next.SetFinalizers(finalizers)
	if _, err := verbs.Update(ctx, next); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %T %s: %w", what, obj, client.KeyOf(obj), err)
	}
	return nil
}
