package customresource

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"minke/api/apiextensions"
)

// merging tells server-side apply how a definition's objects merge. It asks
// for the compiled schema each time, so that it may be dropped meanwhile.
type merging struct{ schemas *schemas }

// ObjectToTyped implements managedfields.TypeConverter.
func (m merging) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	c, err := m.schemas.converter()
	if err != nil {
		return nil, err
	}
	return c.ObjectToTyped(obj, options...)
}

// TypedToObject implements managedfields.TypeConverter.
func (m merging) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	return managedfields.NewDeducedTypeConverter().TypedToObject(value)
}

// converter returns the merge schema of all versions: an object's managers may
// have used any of them.
func (s *schemas) converter() (managedfields.TypeConverter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	if s.merging != nil {
		return s.merging, nil
	}
	models := map[string]*spec.Schema{metadataModel: metadataSchema()}
	crd := s.read()
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		model, err := mergeModel(crd, v)
		if err != nil {
			return nil, err
		}
		models[v.Name] = model
	}
	made, err := managedfields.NewTypeConverter(models, crd.Spec.PreserveUnknownFields)
	if err != nil {
		return nil, fmt.Errorf("make the merge schema of %s: %w", crd.Name, err)
	}
	s.merging = made
	return made, nil
}

func mergeModel(crd *apiextensionsv1.CustomResourceDefinition, v *apiextensionsv1.CustomResourceDefinitionVersion) (*spec.Schema, error) {
	structural, _, err := apiextensions.Structural(v)
	if err != nil {
		return nil, err
	}
	model := structural.ToKubeOpenAPI()
	embed(model)
	if model.Properties == nil {
		model.Properties = map[string]spec.Schema{}
	}
	model.Type = []string{"object"}
	model.Properties["apiVersion"], model.Properties["kind"] = *spec.StringProperty(), *spec.StringProperty()
	model.Properties["metadata"] = *spec.RefSchema("#/definitions/" + metadataModel)
	model.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{
		"group": crd.Spec.Group, "version": v.Name, "kind": crd.Spec.Names.Kind,
	}})
	return model, nil
}

// embed tells of the resources that are embedded in a schema that they have a kind
// and metadata, which merge as those of any object do.
func embed(s *spec.Schema) {
	if s == nil {
		return
	}
	for name, p := range s.Properties {
		embed(&p)
		s.Properties[name] = p
	}
	if s.Items != nil {
		embed(s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		embed(s.AdditionalProperties.Schema)
	}
	if embedded, _ := s.Extensions.GetBool("x-kubernetes-embedded-resource"); embedded {
		s.SetProperty("apiVersion", *spec.StringProperty())
		s.SetProperty("kind", *spec.StringProperty())
		s.SetProperty("metadata", *spec.RefSchema("#/definitions/" + metadataModel))
	}
}

const metadataModel = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

// metadataSchema is how metadata merges: finalizers are a set, owners are told
// apart by uid, labels and annotations are each their own.
func metadataSchema() *spec.Schema {
	text := spec.StringProperty
	finalizers := spec.ArrayProperty(text())
	finalizers.AddExtension("x-kubernetes-list-type", "set")
	owner := object(map[string]*spec.Schema{
		"apiVersion": text(), "kind": text(), "name": text(), "uid": text(),
		"controller": spec.BooleanProperty(), "blockOwnerDeletion": spec.BooleanProperty(),
	})
	owner.AddExtension("x-kubernetes-map-type", "atomic")
	owners := spec.ArrayProperty(owner)
	owners.AddExtension("x-kubernetes-list-type", "map")
	owners.AddExtension("x-kubernetes-list-map-keys", []any{"uid"})
	managed := object(map[string]*spec.Schema{})
	managed.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	managers := spec.ArrayProperty(managed)
	managers.AddExtension("x-kubernetes-list-type", "atomic")
	return object(map[string]*spec.Schema{
		"name": text(), "generateName": text(), "namespace": text(), "selfLink": text(), "uid": text(), "resourceVersion": text(),
		"generation": spec.Int64Property(), "creationTimestamp": text(), "deletionTimestamp": text(), "deletionGracePeriodSeconds": spec.Int64Property(),
		"labels": spec.MapProperty(text()), "annotations": spec.MapProperty(text()),
		"finalizers": finalizers, "ownerReferences": owners, "managedFields": managers,
	})
}

func object(properties map[string]*spec.Schema) *spec.Schema {
	s := &spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}, Properties: map[string]spec.Schema{}}}
	for name, p := range properties {
		s.Properties[name] = *p
	}
	return s
}
