package customresource

import (
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conform gives what a client sent the form that the schema demands and returns
// the paths of the fields that it dropped:
//
//	defaults ─ unknown fields dropped ─ nulls dropped ─ metadata, also of
//	    embedded objects, made of fields that metadata has
func (c *compiled) conform(fields map[string]any) (unknown []string, err error) {
	var metadata *metav1.ObjectMeta
	found := false
	if !plainMetadata(fields) {
		metadata, found, unknown, err = objectmeta.GetObjectMetaWithOptions(fields, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
		if err != nil {
			return nil, err
		}
	}
	c.complete(fields)
	untidy := func() {
		if !c.preserve {
			unknown = append(unknown, pruning.PruneWithOptions(fields, c.structural, true,
				structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
			defaulting.PruneNonNullableNullsWithoutDefaults(fields, c.structural)
		}
		if !c.has.embedded {
			return
		}
		problem, paths := objectmeta.CoerceWithOptions(nil, fields, c.structural, false, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
		unknown = append(unknown, paths...)
		if problem != nil {
			err = problem
		}
	}
	if !c.tidy(fields) {
		withoutMetadata(fields, untidy)
	}
	if err == nil && found {
		err = objectmeta.SetObjectMeta(fields, metadata)
	}
	return unknown, err
}

// complete fills in defaults.
func (c *compiled) complete(fields map[string]any) {
	if !c.has.defaults {
		return
	}
	withoutMetadata(fields, func() { defaulting.Default(fields, c.structural) })
}

// read gives a stored object, which another version of the schema may have
// shaped, the present form.
func (c *compiled) read(fields map[string]any) {
	c.complete(fields)
	c.prune(fields)
}

// prune drops what the schema does not know, and nulls where there may be none.
func (c *compiled) prune(fields map[string]any) {
	if c.preserve || c.tidy(fields) {
		return
	}
	withoutMetadata(fields, func() {
		pruning.Prune(fields, c.structural, true)
		defaulting.PruneNonNullableNullsWithoutDefaults(fields, c.structural)
		if c.has.embedded {
			objectmeta.Coerce(nil, fields, c.structural, false, true)
		}
	})
}

// withoutMetadata keeps the object's metadata out of what shape does: a schema
// may say something about the name, but it does not say what metadata is.
func withoutMetadata(fields map[string]any, shape func()) {
	names := [...]string{"apiVersion", "kind", "metadata"}
	var kept [len(names)]any
	var had [len(names)]bool
	for i, name := range names {
		kept[i], had[i] = fields[name]
	}
	delete(fields, "metadata")
	shape()
	delete(fields, "metadata")
	for i, name := range names {
		if had[i] {
			fields[name] = kept[i]
		}
	}
}
