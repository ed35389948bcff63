// Package admissiontest has a small store of objects with which admission
// plug-ins are tested.
package admissiontest

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api"
	"minke/apiserver/admission"
)

// Objects is a store. It is all the readers and updaters that plug-ins ask for.
type Objects struct {
	objs map[string]api.Object
	// Events is what WatchShared streams.
	Events *watch.FakeWatcher
}

// Of returns a store of objs.
func Of(objs ...api.Object) *Objects {
	o := &Objects{objs: map[string]api.Object{}, Events: watch.NewFakeWithChanSize(8, false)}
	for _, obj := range objs {
		o.objs[key(plural(obj), obj.GetNamespace(), obj.GetName())] = obj
	}
	return o
}

func key(resource, namespace, name string) string { return resource + "/" + namespace + "/" + name }

// plural guesses the resource's name from the type's.
func plural(obj any) string {
	name := strings.ToLower(reflect.TypeOf(obj).Elem().Name())
	if strings.HasSuffix(name, "s") {
		return name + "es"
	}
	return name + "s"
}

// Get returns one object or a NotFound error.
func (o *Objects) Get(_ context.Context, r schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	if obj, ok := o.objs[key(r.Resource, namespace, name)]; ok {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(r.GroupResource(), name)
}

// Snapshot returns the objects of a resource in the order of their names.
func (o *Objects) Snapshot(r schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	prefix := r.Resource + "/"
	if namespace != "" {
		prefix = key(r.Resource, namespace, "")
	}
	var keys []string
	for k := range o.objs {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return func(yield func(runtime.Object) bool) {
		for _, k := range keys {
			if !yield(o.objs[k]) {
				return
			}
		}
	}, "1", nil
}

// WatchShared streams Events.
func (o *Objects) WatchShared(ctx context.Context, _ schema.GroupVersionResource, _, _ string) (watch.Interface, error) {
	context.AfterFunc(ctx, o.Events.Stop)
	return o.Events, nil
}

// Update changes one object.
func (o *Objects) Update(ctx context.Context, r schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error) {
	obj, err := o.Get(ctx, r, namespace, name)
	if err != nil {
		return nil, err
	}
	changed := obj.DeepCopyObject().(api.Object)
	if err := change(changed); err != nil {
		return nil, err
	}
	o.objs[key(r.Resource, namespace, name)] = changed
	return changed, nil
}

// Create returns the attributes of obj's creation.
func Create(obj api.Object) *admission.Attributes {
	return Write(admission.Create, obj, nil)
}

// Write returns the attributes of a write.
func Write(op admission.Operation, obj, old api.Object) *admission.Attributes {
	one := obj
	if one == nil {
		one = old
	}
	a := &admission.Attributes{Operation: op, Namespace: one.GetNamespace(), Name: one.GetName(), Object: obj, Old: old, Warn: func(string) {}}
	pkg := strings.Split(reflect.TypeOf(one).Elem().PkgPath(), "/")
	group := groups[pkg[len(pkg)-2]]
	a.Resource = &api.Resource{
		Kind:   schema.GroupVersionKind{Group: group, Version: "v1", Kind: reflect.TypeOf(one).Elem().Name()},
		Plural: plural(one), Namespaced: one.GetNamespace() != "",
	}
	a.Version = admission.Version{Resource: a.Resource.GroupVersionResource(), Kind: a.Resource.Kind}
	return a
}

// groups are the API groups by the folders of their types.
var groups = map[string]string{
	"core": "", "apps": "apps", "batch": "batch", "storage": "storage.k8s.io", "networking": "networking.k8s.io",
	"scheduling": "scheduling.k8s.io", "coordination": "coordination.k8s.io", "authentication": "authentication.k8s.io", "resource": "resource.k8s.io",
}

// Run lets plugin admit and validate a.
func Run(plugin any, a *admission.Attributes) error {
	chain := admission.Chain{plugin}
	if err := chain.Admit(context.Background(), a); err != nil {
		return err
	}
	return chain.Validate(context.Background(), a)
}

// Outcome returns the text of an error, or "" for none.
func Outcome(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(err)
}
