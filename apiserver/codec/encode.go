package codec

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// EncodeJSON returns the object in JSON, without a newline at the end. The
// object names its own kind.
func EncodeJSON(obj runtime.Object) ([]byte, error) {
	data, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return data, nil
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
