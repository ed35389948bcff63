package apiserver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/codec"
	"minke/store/cache"
)

type decodable = runtime.Object

// view is one way to show an endpoint's objects. Its encodings are kept beside
// the objects under its name.
type view struct {
	name           string
	kind, listKind schema.GroupVersionKind
	protobuf       bool
	// itemHead is what list items go without, since the list says it.
	itemHead []byte
	encode   func(runtime.Object) ([]byte, error)
}

// encoding returns the item's JSON, or its protobuf message without envelope.
func (v *view) encoding(item *cache.Item) ([]byte, error) {
	return item.Encoding(v.name, v.encode)
}

// viewSet has the views of an endpoint: the objects themselves and their
// metadata alone, each in JSON and protobuf.
type viewSet struct{ json, protobuf, metaJSON, metaProtobuf view }

func newViewSet(e *endpoint) viewSet {
	suffix := ""
	if e.version != nil {
		suffix = "@" + e.kind.GroupVersion().String()
	}
	partial := metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
	partials := metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList")
	return viewSet{
		json: view{name: "json" + suffix, kind: e.kind, listKind: e.listKind, itemHead: codec.TypeHead(e.kind),
			encode: e.through(codec.EncodeJSON)},
		protobuf: view{name: "protobuf" + suffix, kind: e.kind, listKind: e.listKind, protobuf: true,
			encode: e.through(codec.EncodeMessage)},
		metaJSON: view{name: "meta.json", kind: partial, listKind: partials,
			encode: func(o runtime.Object) ([]byte, error) { return encodePartial(o, codec.EncodeJSON) }},
		metaProtobuf: view{name: "meta.protobuf", kind: partial, listKind: partials, protobuf: true,
			encode: func(o runtime.Object) ([]byte, error) { return encodePartial(o, codec.EncodeMessage) }},
	}
}

// through encodes an object in the endpoint's version.
func (e *endpoint) through(encode func(runtime.Object) ([]byte, error)) func(runtime.Object) ([]byte, error) {
	if e.version == nil {
		return encode
	}
	return func(obj runtime.Object) ([]byte, error) {
		out, err := e.exported(obj)
		if err != nil {
			return nil, err
		}
		return encode(out)
	}
}

func encodePartial(obj runtime.Object, encode func(runtime.Object) ([]byte, error)) ([]byte, error) {
	partial, err := partialOf(obj)
	if err != nil {
		return nil, err
	}
	return encode(partial)
}

// partialOf returns the object's metadata as an object of its own.
func partialOf(obj runtime.Object) (*metav1.PartialObjectMetadata, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, fmt.Errorf("read metadata of %T: %w", obj, err)
	}
	partial := meta.AsPartialObjectMetadata(m)
	partial.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata"))
	return partial, nil
}

// pick returns the view that a client gets.
func (s *viewSet) pick(a codec.Accepted, hasProtobuf bool) *view {
	partial := a.As == "PartialObjectMetadata" || a.As == "PartialObjectMetadataList"
	protobuf := a.Format == codec.Protobuf && (partial || hasProtobuf)
	switch {
	case partial && protobuf:
		return &s.metaProtobuf
	case partial:
		return &s.metaJSON
	case protobuf:
		return &s.protobuf
	}
	return &s.json
}
