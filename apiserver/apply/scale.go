package apply

import (
	"fmt"
	"slices"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/applyconfigurations"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// NewScaleManager returns the manager of Scales, the same for the objects of all
// resources. What it says of an object's managers, ScaleFields turns to what the
// object itself has.
func NewScaleManager() (*Manager, error) {
	kind := autoscalingv1.SchemeGroupVersion.WithKind("Scale")
	merging, err := scaleMerging(kind)
	if err != nil {
		return nil, err
	}
	return NewManager(Kind{
		Served: kind, Stored: kind, Subresource: "scale", Merging: merging, Library: true,
		Versions: map[schema.GroupVersionKind]func() runtime.Object{kind: func() runtime.Object { return &autoscalingv1.Scale{} }},
		Default:  func(runtime.Object) {},
	})
}

// scaleMerging is how Scales merge. client-go has no merge schema of them, because
// they are not stored: it is made of what a Scale has beside its metadata.
func scaleMerging(kind schema.GroupVersionKind) (managedfields.TypeConverter, error) {
	known := runtime.NewScheme()
	known.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.ConfigMap{})
	probe := &unstructured.Unstructured{}
	probe.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	value, err := applyconfigurations.NewTypeConverter(known).ObjectToTyped(probe)
	if err != nil {
		return nil, fmt.Errorf("read the merge schema: %w", err)
	}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypeWithName(kind, &autoscalingv1.Scale{})
	name, err := scheme.ToOpenAPIDefinitionName(kind)
	if err != nil {
		return nil, fmt.Errorf("name the merge schema of %s: %w", kind, err)
	}
	parser := &typed.Parser{}
	parser.Schema.Types = []smd.TypeDef{{Name: name, Atom: scaleSchema()}}
	for _, t := range value.Schema().Types {
		if strings.HasPrefix(t.Name, "io.k8s.apimachinery.") || strings.HasPrefix(t.Name, "__untyped_") { // all that metadata is made of
			parser.Schema.Types = append(parser.Schema.Types, t)
		}
	}
	return managedfields.NewSchemeTypeConverter(scheme, parser), nil
}

func scaleSchema() smd.Atom {
	of := func(fields map[string]smd.TypeRef) smd.Atom {
		m := &smd.Map{}
		for name, t := range fields {
			m.Fields = append(m.Fields, smd.StructField{Name: name, Type: t})
		}
		return smd.Atom{Map: m}
	}
	scalar := func(s smd.Scalar) smd.TypeRef { return smd.TypeRef{Inlined: smd.Atom{Scalar: &s}} }
	metadata := "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
	text, number := scalar(smd.String), scalar(smd.Numeric)
	return of(map[string]smd.TypeRef{
		"apiVersion": text, "kind": text, "metadata": {NamedType: &metadata},
		"spec":   {Inlined: of(map[string]smd.TypeRef{"replicas": number})},
		"status": {Inlined: of(map[string]smd.TypeRef{"replicas": number, "selector": text})},
	})
}

// ScaleFields turns an object's managedFields to those of its Scale and back
// (KEP-555): whoever manages its replicas manages those of the Scale.
type ScaleFields struct{ handler *managedfields.ScaleHandler }

// NewScaleFields returns those of an object with the entries. Written is the
// version in which the Scale was asked for; paths tells, for each version of the
// object, which field the Scale's replicas are: nil for one that has no Scale.
func NewScaleFields(entries []metav1.ManagedFieldsEntry, written schema.GroupVersion, paths map[string][]string) ScaleFields {
	mappings := managedfields.ResourcePathMappings{}
	for version, names := range paths {
		mappings[version] = pathOf(names)
	}
	return ScaleFields{managedfields.NewScaleHandler(entries, written, mappings)}
}

func pathOf(names []string) fieldpath.Path {
	var path fieldpath.Path
	for i := range names {
		path = append(path, fieldpath.PathElement{FieldName: &names[i]})
	}
	return path
}

// CheckManaged fails if the entries of a Scale cannot be read.
func CheckManaged(entries []metav1.ManagedFieldsEntry) error {
	return managedfields.ValidateManagedFields(entries)
}

// OfScale returns the entries of the Scale. It fails if those of the object cannot
// be read.
func (s ScaleFields) OfScale() ([]metav1.ManagedFieldsEntry, error) { return s.handler.ToSubresource() }

// OfObject returns the entries of the object when its Scale has these. It fails if
// they cannot be read. Entries that the Scale brings have no time, as in Kubernetes.
func (s ScaleFields) OfObject(scale []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	entries, err := s.handler.ToParent(scale)
	if err != nil {
		return nil, err
	}
	return united(entries)
}

// united makes one entry of those that are one manager's. Who updated more than
// the replicas, and still manages them, comes back from the library in two, of
// which every reader would see but the last.
func united(entries []metav1.ManagedFieldsEntry) ([]metav1.ManagedFieldsEntry, error) {
	type manager struct {
		name, version, subresource string
		operation                  metav1.ManagedFieldsOperationType
	}
	last := map[manager]int{}
	var out []metav1.ManagedFieldsEntry
	for _, e := range slices.Backward(entries) {
		m := manager{e.Manager, e.APIVersion, e.Subresource, e.Operation}
		at, known := last[m]
		if !known {
			last[m] = len(out)
			out = append(out, e)
			continue
		}
		both, err := union(out[at].FieldsV1, e.FieldsV1)
		if err != nil {
			return nil, err
		}
		out[at].FieldsV1 = both
	}
	slices.Reverse(out)
	return out, nil
}

func union(a, b *metav1.FieldsV1) (*metav1.FieldsV1, error) {
	var x, y fieldpath.Set
	for set, from := range map[*fieldpath.Set]*metav1.FieldsV1{&x: a, &y: b} {
		if err := set.FromJSON(from.GetRawReader()); err != nil {
			return nil, fmt.Errorf("read fieldsV1: %w", err)
		}
	}
	text, err := x.Union(&y).ToJSON()
	if err != nil {
		return nil, fmt.Errorf("write fieldsV1: %w", err)
	}
	return metav1.NewFieldsV1(string(text)), nil
}
