package flowcontrol

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api"
)

// Objects is where the configuration is stored. What is read is shared and
// never changed.
type Objects interface {
	// Snapshot returns all objects of the resource and their revision.
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
	// WatchShared streams what came after revision.
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
	// Update changes a stored object without the rules of an update.
	Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, alter func(api.Object) error) (api.Object, error)
}

// Keeper lets a controller work by the stored objects, keeps the bootstrap ones
// in shape, and says in their status which schemas dangle.
type Keeper struct {
	Controller *Controller
	Objects    Objects
	// Write creates, updates or deletes an object as a client does.
	Write func(ctx context.Context, verb string, resource schema.GroupVersionResource, obj api.Object) error
	Log   *slog.Logger
}

var (
	schemaResource = flowcontrolv1.SchemeGroupVersion.WithResource("flowschemas")
	levelResource  = flowcontrolv1.SchemeGroupVersion.WithResource("prioritylevelconfigurations")
)

// again is the pause after something failed.
const again = time.Second

// Run follows the stored objects until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.Controller.Close()
	changed := make(chan struct{}, 1)
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range []schema.GroupVersionResource{schemaResource, levelResource} {
		group.Go(func() error { return k.follow(ctx, r, changed) })
	}
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
			}
			if err := k.sync(ctx); err != nil && ctx.Err() == nil {
				k.Log.Warn("keep flow control objects", "error", err)
				time.AfterFunc(again, func() { signal(changed) })
			}
		}
	})
	return group.Wait()
}

func signal(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// follow signals every change of a resource. A watch that breaks is begun anew.
func (k *Keeper) follow(ctx context.Context, r schema.GroupVersionResource, changed chan<- struct{}) error {
	for {
		err := k.watch(ctx, r, changed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.Log.Warn("watch ended, reading anew", "resource", r.Resource, "error", err)
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *Keeper) watch(ctx context.Context, r schema.GroupVersionResource, changed chan<- struct{}) error {
	_, revision, err := k.Objects.Snapshot(r, "")
	if err != nil {
		return err
	}
	w, err := k.Objects.WatchShared(ctx, r, "", revision)
	if err != nil {
		return err
	}
	defer w.Stop()
	signal(changed)
	for e := range w.ResultChan() {
		if e.Type == watch.Error {
			return apierrors.FromObject(e.Object)
		}
		signal(changed)
	}
	return errors.New("the stream ended")
}

// sync reads everything, takes it over, and puts right what is wrong.
func (k *Keeper) sync(ctx context.Context) error {
	schemas, err := read[*flowcontrolv1.FlowSchema](k.Objects, schemaResource)
	if err != nil {
		return err
	}
	levels, err := read[*flowcontrolv1.PriorityLevelConfiguration](k.Objects, levelResource)
	if err != nil {
		return err
	}
	var failed []error
	for _, step := range append(keep(levels, BootstrapLevels()), keep(schemas, BootstrapSchemas())...) {
		if err := k.Write(ctx, step.verb, step.resource, step.obj); err != nil && !apierrors.IsAlreadyExists(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("%s %s %s: %w", step.verb, step.resource.Resource, step.obj.GetName(), err))
		}
	}
	// What is missing is made now, and is followed by an event: until then the
	// server works by what will be there.
	if len(schemas) > 0 || len(levels) > 0 {
		for name, dangles := range k.Controller.Set(schemas, levels) {
			failed = append(failed, k.tell(ctx, schemas, name, dangles))
		}
	}
	return errors.Join(failed...)
}

func read[T api.Object](from Objects, r schema.GroupVersionResource) ([]T, error) {
	objs, _, err := from.Snapshot(r, "")
	if err != nil {
		return nil, err
	}
	var out []T
	for obj := range objs {
		if o, ok := obj.(T); ok {
			out = append(out, o)
		}
	}
	return out, nil
}
