package codec

import (
	"bytes"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// selfDescribed is the tag that begins every CBOR body (RFC 8949, 3.4.6).
var selfDescribed = []byte{0xd9, 0xd9, 0xf7}

// EncodeCBOR returns the object as one CBOR data item that says what it is.
func EncodeCBOR(obj runtime.Object) ([]byte, error) {
	data, err := encodeItemCBOR(obj)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(selfDescribed), data...), nil
}

// EncodeCBORElement returns the object as it stands in a list: without the tag
// and, when it has a Go type, without its kind, which the list's tells.
func EncodeCBORElement(obj runtime.Object) ([]byte, error) {
	if _, untyped := obj.(runtime.Unstructured); untyped {
		return encodeItemCBOR(obj)
	}
	bare := reflect.New(reflect.TypeOf(obj).Elem())
	bare.Elem().Set(reflect.ValueOf(obj).Elem())
	nameless := bare.Interface().(runtime.Object)
	nameless.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return encodeItemCBOR(nameless)
}

func encodeItemCBOR(obj runtime.Object) ([]byte, error) {
	var value any = obj
	if u, ok := obj.(runtime.Unstructured); ok {
		value = u.UnstructuredContent()
	}
	data, err := direct.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return data, nil
}

// decodeCBOR reads the body into obj, an empty object that serves kind. Fields
// that the kind does not have are warnings, or an error when that is asked for.
func (b *Body) decodeCBOR(obj runtime.Object, kind schema.GroupVersionKind) ([]string, error) {
	if err := checkCBOR(b.Data, typed(obj)); err != nil {
		return nil, b.refuse(kind, b.Data, err)
	}
	presumed := kind
	if presumed.Version == "" {
		presumed.Version = "v1" // of options any version will do, but none will not
	}
	s := cbor.NewSerializer(target{obj, kind}, nil, cbor.Strict(b.Validation != Ignore))
	_, _, err := s.Decode(b.Data, &presumed, nil)
	var warnings []string
	if strict, ok := runtime.AsStrictDecodingError(err); ok && b.Validation == Warn {
		for _, e := range strict.Errors() {
			warnings = append(warnings, e.Error())
		}
		err = nil
	}
	if err != nil {
		return nil, b.refuse(kind, b.Data, err)
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	return warnings, nil
}

// target hands the serializer the object to decode into, once the kind that
// the body names is known to be the right one.
type target struct {
	obj  runtime.Object
	want schema.GroupVersionKind
}

// New returns the object.
func (t target) New(named schema.GroupVersionKind) (runtime.Object, error) {
	return t.obj, checkKind(named, t.want)
}

// fieldsCBOR reads a CBOR body without a type.
func fieldsCBOR(data []byte) (map[string]any, error) {
	if err := checkCBOR(data, false); err != nil {
		return nil, err
	}
	var fields map[string]any
	err := direct.Unmarshal(data, &fields)
	return fields, err
}

// AppendCBOREvent appends one item of a CBOR watch stream, which is a sequence
// of data items (RFC 8742). object is the object's CBOR, with its tag.
func AppendCBOREvent(b []byte, kind string, object []byte) []byte {
	b = append(b, selfDescribed...)
	b = append(b, majorMap|2)
	b = appendCBORString(appendCBORString(b, "type"), kind)
	b = appendCBORString(b, "object")
	return append(b, object...)
}

// appendCBORList appends what comes before the elements of a list, and returns
// also what comes after them.
func appendCBORList(b []byte, kind schema.GroupVersionKind, meta *metav1.ListMeta, elements int) (head, tail []byte, err error) {
	body, err := direct.Marshal(meta)
	if err != nil {
		return nil, nil, fmt.Errorf("encode list metadata: %w", err)
	}
	b = append(append(b, selfDescribed...), majorMap|4)
	b = appendCBORString(appendCBORString(b, "kind"), kind.Kind)
	b = appendCBORHead(appendCBORString(b, "items"), majorArray, elements)
	tail = append(appendCBORString(nil, "metadata"), body...)
	tail = appendCBORString(appendCBORString(tail, "apiVersion"), kind.GroupVersion().String())
	return b, tail, nil
}

// appendCBORString appends a string as Kubernetes does: as bytes, so that it
// need not be valid UTF-8.
func appendCBORString(b []byte, s string) []byte {
	return append(appendCBORHead(b, majorBytes, len(s)), s...)
}

// appendCBORHead appends the head of a data item that holds n bytes or elements.
func appendCBORHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return append(b, major|25, byte(n>>8), byte(n))
	}
	return append(b, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
