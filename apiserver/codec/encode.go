package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"minke/apiserver/codec/untyped"
)

// EncodeJSON returns the object in JSON, without a newline at the end. The
// object names its own kind.
func EncodeJSON(obj runtime.Object) ([]byte, error) {
	data, err := marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return data, nil
}

// marshal is json.Marshal, without reflection for what has no Go type.
func marshal(obj runtime.Object) ([]byte, error) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return json.Marshal(obj)
	}
	return marshalFields(u.Object)
}

// scratch has buffers to encode into, so that what is kept is of the right size.
var scratch = sync.Pool{New: func() any {
	b := make([]byte, 0, 4<<10)
	return &b
}}

// maxScratch is the size from which a buffer is not used again.
const maxScratch = 256 << 10

func marshalFields(fields map[string]any) ([]byte, error) {
	b := scratch.Get().(*[]byte)
	data, err := untyped.Append((*b)[:0], fields)
	if err != nil {
		return nil, err
	}
	kept := bytes.Clone(data)
	if cap(data) <= maxScratch {
		*b = data
		scratch.Put(b) // last: another may write into it now
	}
	return kept, nil
}

// Encode returns a whole response body for one object of the given kind.
func Encode(obj runtime.Object, kind schema.GroupVersionKind, format Format, pretty bool) ([]byte, error) {
	if format == Protobuf && HasProtobuf(obj) {
		return EncodeProtobuf(obj, kind)
	}
	if obj.GetObjectKind().GroupVersionKind() != kind {
		obj = obj.DeepCopyObject()
		obj.GetObjectKind().SetGroupVersionKind(kind)
	}
	if format == CBOR {
		return EncodeCBOR(obj)
	}
	data, err := EncodeJSON(obj)
	if err != nil {
		return nil, err
	}
	return Finish(data, format, pretty)
}

// Finish turns a JSON text into the form that the client asked for.
func Finish(data []byte, format Format, pretty bool) ([]byte, error) {
	switch {
	case format == YAML:
		return yaml.JSONToYAML(data)
	case pretty:
		var b bytes.Buffer
		if err := json.Indent(&b, data, "", "  "); err != nil {
			return nil, err
		}
		b.WriteByte('\n')
		return b.Bytes(), nil
	}
	return append(data, '\n'), nil
}

// TypeHead returns how the JSON of a typed object of this kind begins. It is
// what list items go without.
func TypeHead(kind schema.GroupVersionKind) []byte {
	version, _ := json.Marshal(kind.GroupVersion().String())
	name, _ := json.Marshal(kind.Kind)
	return fmt.Appendf(nil, `{"kind":%s,"apiVersion":%s`, name, version)
}
