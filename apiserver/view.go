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
	format         codec.Format
	// itemHead is what list items go without, since the list says it.
	itemHead []byte
	encode   func(runtime.Object) ([]byte, error)
	// stored tells that the view shows objects in JSON as they are stored, if
	// that is how they are stored.
	stored bool
}

// encoding returns the item's JSON, its CBOR, or its protobuf message without
// envelope.
func (v *view) encoding(item *cache.Item) ([]byte, error) {
	if head, tail, ok := v.text(item); ok {
		whole := make([]byte, 0, len(head)+len(tail)+maxVersion)
		return append(codec.AppendVersion(append(whole, head...), int64(item.Revision)), tail...), nil
	}
	return item.Encoding(v.name, v.encode)
}

// maxVersion is how much a resourceVersion takes as a member, at most.
const maxVersion = len(`"resourceVersion":"9223372036854775807",`)

// text returns the item's JSON as it is stored, in two parts: between them comes
// what codec.AppendVersion appends. It tells false when the view shows something
// else.
func (v *view) text(item *cache.Item) (head, tail []byte, ok bool) {
	if !v.stored {
		return nil, nil, false
	}
	return item.Text()
}

// viewSet has the views of an endpoint: the objects themselves and their
// metadata alone, each in JSON, protobuf and CBOR. In CBOR an element of a list
// differs from the object by itself.
type viewSet struct {
	json, protobuf, cbor, cborElement                 view
	metaJSON, metaProtobuf, metaCBOR, metaCBORElement view
}

func newViewSet(e *endpoint) viewSet {
	suffix := ""
	if e.version != nil {
		suffix = "@" + e.kind.GroupVersion().String()
	}
	partial := metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
	partials := metav1.SchemeGroupVersion.WithKind("PartialObjectMetadataList")
	whole := func(name string, format codec.Format, encode func(runtime.Object) ([]byte, error)) view {
		return view{name: name + suffix, kind: e.kind, listKind: e.listKind, format: format, encode: e.through(encode)}
	}
	alone := func(name string, format codec.Format, encode func(runtime.Object) ([]byte, error)) view {
		return view{name: "meta." + name, kind: partial, listKind: partials, format: format,
			encode: func(o runtime.Object) ([]byte, error) { return encodePartial(o, encode) }}
	}
	set := viewSet{
		json:            whole("json", codec.JSON, codec.EncodeJSON),
		protobuf:        whole("protobuf", codec.Protobuf, codec.EncodeMessage),
		cbor:            whole("cbor", codec.CBOR, codec.EncodeCBOR),
		cborElement:     whole("cbor.element", codec.CBOR, codec.EncodeCBORElement),
		metaJSON:        alone("json", codec.JSON, codec.EncodeJSON),
		metaProtobuf:    alone("protobuf", codec.Protobuf, codec.EncodeMessage),
		metaCBOR:        alone("cbor", codec.CBOR, codec.EncodeCBOR),
		metaCBORElement: alone("cbor.element", codec.CBOR, codec.EncodeCBORElement),
	}
	set.json.stored = e.version == nil && e.Convert == nil
	set.json.itemHead = codec.TypeHead(e.kind)
	return set
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
	case partial && a.Format == codec.CBOR:
		return &s.metaCBOR
	case partial:
		return &s.metaJSON
	case protobuf:
		return &s.protobuf
	case a.Format == codec.CBOR:
		return &s.cbor
	}
	return &s.json
}

// element returns the view of the elements of a list that is seen through v.
func (s *viewSet) element(v *view) *view {
	switch v {
	case &s.cbor:
		return &s.cborElement
	case &s.metaCBOR:
		return &s.metaCBORElement
	}
	return v
}
