package customresource

import (
	"fmt"
	"maps"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/version"

	"minke/api"
	"minke/api/apiextensions"
	"minke/apiserver/codec/untyped"
)

// kind is one served version of a definition.
type kind struct {
	schemas *schemas
	version *apiextensionsv1.CustomResourceDefinitionVersion
	gvk     schema.GroupVersionKind
	list    schema.GroupVersionKind
	status  bool
	scale   *scalePaths
	// converter is nil unless a webhook converts.
	converter *converter
}

// resources returns what a definition serves, one resource for each version.
// The versions share what is stored: each reads it in its own form, or a webhook
// converts it.
func resources(crd *apiextensionsv1.CustomResourceDefinition, s *schemas, conv *converter) []*api.Resource {
	var out []*api.Resource
	for i := range crd.Spec.Versions {
		if v := &crd.Spec.Versions[i]; v.Served {
			out = append(out, newKind(crd, v, s, conv).resource(crd))
		}
	}
	return out
}

func newKind(crd *apiextensionsv1.CustomResourceDefinition, v *apiextensionsv1.CustomResourceDefinitionVersion, s *schemas, conv *converter) *kind {
	gv := schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}
	names := &crd.Status.AcceptedNames
	return &kind{
		schemas: s, version: v, gvk: gv.WithKind(names.Kind), list: gv.WithKind(names.ListKind),
		status: v.Subresources != nil && v.Subresources.Status != nil,
		scale:  newScalePaths(crd, v.Subresources), converter: conv,
	}
}

func (k *kind) resource(crd *apiextensionsv1.CustomResourceDefinition) *api.Resource {
	names := &crd.Status.AcceptedNames
	r := &api.Resource{
		Kind: k.gvk, Plural: names.Plural, Singular: names.Singular,
		ShortNames: names.ShortNames, Categories: names.Categories,
		Namespaced: crd.Spec.Scope == apiextensionsv1.NamespaceScoped,
		New:        k.empty, NewList: k.emptyList,
		Default: k.complete, Conform: k.conform, Restore: k.restore, Renamed: k.rename,
		ConditionalUpdateOnly: true,
		ValidName:             validation.NameIsDNSSubdomain,
		PrepareForCreate:      k.prepareForCreate, PrepareForUpdate: k.prepareForUpdate,
		Validate: k.validate, ValidateUpdate: k.validateUpdate,
		Warnings:     warnings,
		Subresources: map[string]api.Subresource[api.Object]{},
		Scale:        k.scale.scale(),
		Columns:      columns(k.version),
		Verbs:        []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
		Merging:      merging{k.schemas},
		Deprecated:   k.deprecation(crd),
	}
	if k.status {
		r.Subresources["status"] = api.Subresource[api.Object]{Prepare: k.prepareStatus, ValidateUpdate: k.validateStatus}
	}
	if apiextensions.Condition(crd, apiextensionsv1.Terminating) == apiextensionsv1.ConditionTrue {
		r.Verbs = r.Verbs[1:]
	}
	r.FieldNames, r.FieldSet = fieldSet(k.version, r.Namespaced)
	if stored := storageVersion(crd); stored != k.version.Name {
		r.StoredVersion = stored
	}
	if k.converter != nil {
		r.Convert = k.converter.convert
	}
	return r
}

func storageVersion(crd *apiextensionsv1.CustomResourceDefinition) string {
	for _, v := range crd.Spec.Versions {
		if v.Storage {
			return v.Name
		}
	}
	return ""
}

// deprecation is the warning that every use of the version earns. It names a newer
// version, if there is one.
func (k *kind) deprecation(crd *definition) string {
	switch {
	case !k.version.Deprecated:
		return ""
	case k.version.DeprecationWarning != nil:
		return *k.version.DeprecationWarning
	}
	text := fmt.Sprintf("%s %s is deprecated", k.gvk.GroupVersion(), k.gvk.Kind)
	best := k.gvk.Version
	for _, v := range crd.Spec.Versions {
		if v.Served && !v.Deprecated && version.CompareKubeAwareVersionStrings(best, v.Name) < 0 {
			best = v.Name
		}
	}
	if best != k.gvk.Version {
		text += fmt.Sprintf("; use %s/%s %s", k.gvk.Group, best, k.gvk.Kind)
	}
	return text
}

func (k *kind) empty() api.Object {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetGroupVersionKind(k.gvk)
	return obj
}

func (k *kind) emptyList() runtime.Object {
	list := &unstructured.UnstructuredList{Object: map[string]any{}}
	list.SetGroupVersionKind(k.list)
	return list
}

func (k *kind) conform(obj api.Object) ([]string, error) {
	c, err := k.schemas.of(k.version.Name)
	if err != nil {
		return nil, err
	}
	return c.conform(content(obj))
}

// complete fills in the defaults of the version that an object is in. A schema that
// cannot be compiled was refused when the definition was written; should there be
// one, objects are shown as they are, and so are those of a version that is not
// known any more.
func (k *kind) complete(obj api.Object) {
	if c, err := k.schemas.of(versionOf(obj)); err == nil {
		c.complete(content(obj))
	}
}

// restore implements api.Resource.Restore.
func (k *kind) restore(obj api.Object, version string) {
	stored := versionOf(obj)
	if c, err := k.schemas.of(stored); err == nil {
		c.read(content(obj))
	}
	if stored != version {
		k.rename(obj, version)
	}
}

// rename implements api.Resource.Renamed: what the version does not know goes.
func (k *kind) rename(obj api.Object, version string) {
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: k.gvk.Group, Version: version, Kind: k.gvk.Kind})
	if c, err := k.schemas.of(version); err == nil {
		c.prune(content(obj))
	}
}

func versionOf(obj api.Object) string { return obj.GetObjectKind().GroupVersionKind().Version }

func (k *kind) prepareForCreate(obj api.Object) {
	if k.status {
		delete(content(obj), "status")
	}
	obj.SetGeneration(1)
}

// prepareForUpdate takes back the status where it has a way of its own. All
// but the metadata is what the generation counts.
func (k *kind) prepareForUpdate(obj, old api.Object) {
	now, before := content(obj), content(old)
	if k.status {
		delete(now, "status")
		if status, ok := before["status"]; ok {
			now["status"] = runtime.DeepCopyJSONValue(status)
		}
	}
	obj.SetGeneration(old.GetGeneration())
	if !sameButMeta(now, before) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// sameButMeta tells whether all but the metadata is the same.
func sameButMeta(now, before map[string]any) bool {
	for name, v := range now {
		if w, ok := before[name]; name != "metadata" && (!ok || !untyped.Equal(v, w)) {
			return false
		}
	}
	for name := range before {
		if _, ok := now[name]; name != "metadata" && !ok {
			return false
		}
	}
	return true
}

// prepareStatus takes back all changes but those to the status.
func (k *kind) prepareStatus(obj, old api.Object) {
	u := obj.(*unstructured.Unstructured)
	status, given := u.Object["status"]
	metadata, _ := u.Object["metadata"].(map[string]any)
	managers, managed := metadata["managedFields"].([]any)
	fields := maps.Clone(old.(*unstructured.Unstructured).Object)
	delete(fields, "status")
	if before, ok := fields["metadata"].(map[string]any); ok {
		before = maps.Clone(before)
		delete(before, "managedFields")
		fields["metadata"] = before
	}
	u.Object = runtime.DeepCopyJSON(fields)
	if given {
		u.Object["status"] = status
	}
	if metadata, ok := u.Object["metadata"].(map[string]any); ok && managed {
		metadata["managedFields"] = managers
	}
}

func (k *kind) check(check func(*compiled) field.ErrorList) field.ErrorList {
	c, err := k.schemas.of(k.version.Name)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	return check(c)
}

func (k *kind) validate(obj api.Object) field.ErrorList {
	return k.check(func(c *compiled) field.ErrorList { return c.validate(content(obj), k.scale) })
}

func (k *kind) validateUpdate(obj, old api.Object) field.ErrorList {
	return k.check(func(c *compiled) field.ErrorList { return c.validateUpdate(content(obj), content(old), k.scale) })
}

func (k *kind) validateStatus(obj, old api.Object) field.ErrorList {
	return k.check(func(c *compiled) field.ErrorList { return c.validateStatus(content(obj), content(old), k.scale) })
}
