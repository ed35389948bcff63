package policy_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"minke/api"
	"minke/api/catalog"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/policy"
	"minke/apiserver/authz"
	"minke/apiserver/request"
)

// world is a store with all built-in kinds.
type world struct {
	resources []*api.Resource
	objects   map[schema.GroupVersionResource][]runtime.Object
	changes   atomic.Uint64
}

// newWorld holds the objects of a YAML stream, defaulted.
func newWorld(t testing.TB, manifests ...string) *world {
	w := &world{resources: catalog.Resources(), objects: map[schema.GroupVersionResource][]runtime.Object{}}
	w.put(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {env: prod}}}")
	for _, m := range manifests {
		w.put(t, m)
	}
	return w
}

func (w *world) put(t testing.TB, stream string) {
	t.Helper()
	for text := range strings.SplitSeq(stream, "\n---\n") {
		r, obj := w.read(t, text)
		if errs := r.Validate(obj); len(errs) > 0 {
			t.Fatalf("%s: %v", text, errs)
		}
		obj.SetUID(types.UID(r.Plural + obj.GetName()))
		at := r.GroupVersionResource()
		w.changes.Add(1)
		same := func(o runtime.Object) bool { return o.(api.Object).GetName() == obj.GetName() }
		w.objects[at] = append(slices.DeleteFunc(slices.Clone(w.objects[at]), same), obj)
	}
}

func (w *world) read(t testing.TB, text string) (*api.Resource, api.Object) {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		t.Fatal(err)
	}
	r := w.ResourceOf(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind))
	if r == nil {
		t.Fatalf("there is no kind %s %s", head.APIVersion, head.Kind)
	}
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(err)
	}
	r.Default(obj)
	return r, obj
}

func (w *world) ResourceOf(kind schema.GroupVersionKind) *api.Resource {
	for _, r := range w.resources {
		if r.Kind == kind {
			return r
		}
	}
	return nil
}

func (w *world) Get(_ context.Context, at schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	for _, obj := range w.objects[at] {
		if o := obj.(api.Object); o.GetName() == name && o.GetNamespace() == namespace {
			return obj, nil
		}
	}
	return nil, apierrors.NewNotFound(at.GroupResource(), name)
}

func (w *world) Snapshot(at schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return func(yield func(runtime.Object) bool) {
		for _, obj := range w.objects[at] {
			if n := obj.(api.Object).GetNamespace(); (namespace == "" || n == namespace) && !yield(obj) {
				return
			}
		}
	}, "1", nil
}

func (w *world) Changes(schema.GroupVersionResource) (func() uint64, error) {
	return w.changes.Load, nil
}

// Allows lets jane do everything.
func (w *world) Allows(_ context.Context, user *inprocess.User, _ authz.Attributes) (bool, string) {
	return user.Name == "jane", ""
}

func (w *world) config() policy.Config { return policy.Config{Reader: w, Authorizer: w} }

// write is the creation of a manifest, or the update of old to it.
func (w *world) write(t testing.TB, text string, old api.Object) (*admission.Attributes, *[]string) {
	r, obj := w.read(t, text)
	var warnings []string
	a := &admission.Attributes{
		Operation: admission.Create, Resource: r, Namespace: obj.GetNamespace(), Name: obj.GetName(), Object: obj,
		Version:     admission.Version{Resource: r.GroupVersionResource(), Kind: r.Kind},
		User:        &inprocess.User{Name: "jane", Groups: []string{"devs"}},
		Warn:        func(text string) { warnings = append(warnings, text) },
		Annotations: &request.Annotations{},
	}
	if old != nil {
		a.Operation, a.Old = admission.Update, old
	}
	return a, &warnings
}

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: busybox}]}}
`

// head is a policy on deployments, to be completed with its spec.
func head(kind, name string) string {
	return `
apiVersion: admissionregistration.k8s.io/v1
kind: ` + kind + `
metadata: {name: ` + name + `}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
`
}

// binding puts a policy in effect; more goes into its spec.
func binding(kind, policy, more string) string {
	return `
apiVersion: admissionregistration.k8s.io/v1
kind: ` + kind + `Binding
metadata: {name: ` + policy + `-b}
spec: {policyName: ` + policy + more + `}
`
}
