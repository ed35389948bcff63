package api

import (
	"cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// allVerbs are the verbs of a resource that is stored.
var allVerbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// Resource erases the definition's type and fills in what was left out.
func (d Definition[T]) Resource() *Resource {
	r := &Resource{
		Kind:                  d.Kind,
		Plural:                d.Plural,
		Singular:              d.Singular,
		ShortNames:            d.ShortNames,
		Categories:            d.Categories,
		Namespaced:            !d.Cluster,
		Bulky:                 d.Bulky,
		New:                   func() Object { return d.New() },
		NewList:               d.NewList,
		Default:               onOne(d.Default),
		PrepareForCreate:      onOne(d.PrepareForCreate),
		PrepareForUpdate:      onTwo(d.PrepareForUpdate),
		Validate:              func(Object) field.ErrorList { return nil },
		ValidateUpdate:        checkTwo(d.ValidateUpdate),
		Warnings:              func(_, _ Object) []string { return nil },
		Subresources:          map[string]Subresource[Object]{},
		CreateOnUpdate:        d.CreateOnUpdate,
		DefaultOrphan:         d.DefaultOrphan,
		OrphanWarning:         d.OrphanWarning,
		ConditionalUpdateOnly: d.ConditionalUpdateOnly,
		Verbs:                 d.Verbs,
		Also:                  d.Also,
		Readable:              d.Readable,
		Merging:               d.Merging,
	}
	if r.Singular == "" {
		r.Singular = strings.ToLower(d.Kind.Kind)
	}
	r.ValidName = d.ValidName
	if r.ValidName == nil {
		r.ValidName = validation.NameIsDNSSubdomain
	}
	if d.NameRule != nil {
		r.NameRule = func(o Object) func(string, bool) []string { return d.NameRule(o.(T)) }
	}
	if r.Verbs == nil {
		r.Verbs = allVerbs
	}
	if r.NewList == nil {
		r.NewList = func() runtime.Object { return nil }
	}
	if d.Validate != nil {
		r.Validate = func(o Object) field.ErrorList { return d.Validate(o.(T)) }
	}
	if d.Warnings != nil {
		r.Warnings = func(o, old Object) []string {
			before, _ := old.(T)
			return d.Warnings(o.(T), before)
		}
	}
	if d.WarningsBefore != nil {
		r.WarningsBefore = func(o Object) []string { return d.WarningsBefore(o.(T)) }
	}
	for name, s := range d.Subresources {
		r.Subresources[name] = Subresource[Object]{Prepare: onTwo(s.Prepare), ValidateUpdate: checkTwo(s.ValidateUpdate)}
	}
	if d.Grace != nil {
		r.Grace = func(o Object, asked *int64) int64 { return d.Grace(o.(T), asked) }
	}
	if d.BeginDelete != nil {
		r.BeginDelete = func(o Object, options *metav1.DeleteOptions) { d.BeginDelete(o.(T), options) }
	}
	d.eraseScale(r)
	d.eraseColumns(r)
	d.eraseFields(r)
	return r
}

func (d Definition[T]) eraseScale(r *Resource) {
	if d.Scale == nil {
		return
	}
	r.Scale = &Scale[Object]{
		SpecPath: d.Scale.SpecPath, Paths: d.Scale.Paths,
		Get: func(o Object) ScaleValues { return d.Scale.Get(o.(T)) },
		Set: func(o Object, replicas int32) { d.Scale.Set(o.(T), replicas) },
	}
}

func (d Definition[T]) eraseColumns(r *Resource) {
	described := columnDescriptions()[schema.GroupResource{Group: d.Kind.Group, Resource: d.Plural}.String()]
	for _, c := range d.Columns {
		kind := c.Type
		if kind == "" {
			kind = "string"
		}
		r.Columns = append(r.Columns, Column[Object]{
			Name: c.Name, Type: kind, Format: c.Format, Description: cmp.Or(described[c.Name], c.Description, c.Name), Priority: c.Priority,
			Cell: func(o Object) any { return c.Cell(o.(T)) },
		})
	}
}

func (d Definition[T]) eraseFields(r *Resource) {
	r.FieldRefusal = d.FieldRefusal
	r.FieldNames = []string{"metadata.name"}
	if r.Namespaced {
		r.FieldNames = append(r.FieldNames, "metadata.namespace")
	}
	for name := range d.Fields {
		r.FieldNames = append(r.FieldNames, name)
	}
	r.FieldSet = func(o Object) fields.Set {
		set := fields.Set{"metadata.name": o.GetName()}
		if r.Namespaced {
			set["metadata.namespace"] = o.GetNamespace()
		}
		for name, value := range d.Fields {
			set[name] = value(o.(T))
		}
		return set
	}
}

func onOne[T Object](f func(T)) func(Object) {
	if f == nil {
		return func(Object) {}
	}
	return func(o Object) { f(o.(T)) }
}

func onTwo[T Object](f func(a, b T)) func(a, b Object) {
	if f == nil {
		return func(_, _ Object) {}
	}
	return func(a, b Object) { f(a.(T), b.(T)) }
}

func checkTwo[T Object](f func(a, b T) field.ErrorList) func(a, b Object) field.ErrorList {
	if f == nil {
		return func(_, _ Object) field.ErrorList { return nil }
	}
	return func(a, b Object) field.ErrorList { return f(a.(T), b.(T)) }
}
