package typecheck

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api"
)

// Store is where policies are read, followed and noted.
type Store interface {
	Types
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error)
}

var policies = admissionregistrationv1.SchemeGroupVersion.WithResource("validatingadmissionpolicies")

// pause is how long a broken watch rests.
const pause = time.Second

// Run checks every policy whose spec has not been checked yet, until ctx ends.
func Run(ctx context.Context, store Store) error {
	for {
		err := follow(ctx, store)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		slog.Default().With("part", "typecheck").Warn("watch ended, reading anew", "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func follow(ctx context.Context, store Store) error {
	all, revision, err := store.Snapshot(policies, "")
	if err != nil {
		return fmt.Errorf("list policies: %w", err)
	}
	for obj := range all {
		if err := note(ctx, store, obj); err != nil {
			return err
		}
	}
	w, err := store.WatchShared(ctx, policies, "", revision)
	if err != nil {
		return fmt.Errorf("watch policies: %w", err)
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		switch e.Type {
		case watch.Added, watch.Modified:
			if err := note(ctx, store, e.Object); err != nil {
				return err
			}
		case watch.Error:
			return fmt.Errorf("watch policies: %w", apierrors.FromObject(e.Object))
		}
	}
	return fmt.Errorf("watch policies: the stream ended")
}

// note checks a policy and writes down what was found.
func note(ctx context.Context, store Store, obj runtime.Object) error {
	p := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
	if p.Status.ObservedGeneration == p.Generation {
		return nil
	}
	warnings := Check(p, store)
	_, err := store.Update(ctx, policies, "", p.Name, func(obj api.Object) error {
		now := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
		if now.UID == p.UID && now.Generation == p.Generation {
			now.Status.ObservedGeneration = p.Generation
			now.Status.TypeChecking = &admissionregistrationv1.TypeChecking{ExpressionWarnings: warnings}
		}
		return nil
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("note the types of policy %s: %w", p.Name, err)
	}
	return nil
}
