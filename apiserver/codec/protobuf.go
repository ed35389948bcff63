package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// magic begins every protobuf body and stored value:
//
//	"k8s\0" Unknown{1: TypeMeta{1: apiVersion, 2: kind}, 2: raw object}
var magic = []byte("k8s\x00")

// message is what the published API types implement.
type message interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
	Unmarshal([]byte) error
	Reset()
}

// HasProtobuf tells whether the object's type can be written as protobuf.
func HasProtobuf(obj runtime.Object) bool {
	_, ok := obj.(message)
	return ok
}

// EncodeMessage returns the object's own protobuf message, without envelope.
func EncodeMessage(obj runtime.Object) ([]byte, error) {
	m, ok := obj.(message)
	if !ok {
		return nil, fmt.Errorf("encode %T: the type has no protobuf form", obj)
	}
	data := make([]byte, m.Size())
	n, err := m.MarshalToSizedBuffer(data)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return data[len(data)-n:], nil
}

// EncodeProtobuf returns the object in its envelope.
func EncodeProtobuf(obj runtime.Object, kind schema.GroupVersionKind) ([]byte, error) {
	m, ok := obj.(message)
	if !ok {
		return nil, fmt.Errorf("encode %T: the type has no protobuf form", obj)
	}
	size := m.Size()
	head := EnvelopeHead(kind, size)
	data := make([]byte, len(head)+size)
	copy(data, head)
	if _, err := m.MarshalToSizedBuffer(data[len(head):]); err != nil {
		return nil, fmt.Errorf("encode %T: %w", obj, err)
	}
	return data, nil
}

// EnvelopeHead returns what comes before a raw object of rawSize bytes.
func EnvelopeHead(kind schema.GroupVersionKind, rawSize int) []byte {
	version := kind.GroupVersion().String()
	head := make([]byte, 0, 32+len(version)+len(kind.Kind))
	head = append(head, magic...)
	meta := make([]byte, 0, 8+len(version)+len(kind.Kind))
	meta = appendBytes(meta, 1, version)
	meta = appendBytes(meta, 2, kind.Kind)
	head = appendBytes(head, 1, string(meta))
	return appendTag(head, 2, rawSize)
}

// appendTag appends the head of a length-delimited field.
func appendTag(b []byte, field byte, size int) []byte {
	return binary.AppendUvarint(append(b, field<<3|2), uint64(size))
}

func appendBytes(b []byte, field byte, value string) []byte {
	return append(appendTag(b, field, len(value)), value...)
}

// IsProtobuf tells whether data begins with the envelope's magic.
func IsProtobuf(data []byte) bool { return bytes.HasPrefix(data, magic) }

// OpenEnvelope returns the kind that a protobuf body names and its raw object.
func OpenEnvelope(data []byte) (schema.GroupVersionKind, []byte, error) {
	if !IsProtobuf(data) {
		return schema.GroupVersionKind{}, nil, fmt.Errorf("provided data does not appear to be a protobuf message, expected prefix %v", magic)
	}
	var unknown runtime.Unknown
	if err := unknown.Unmarshal(data[len(magic):]); err != nil {
		return schema.GroupVersionKind{}, nil, fmt.Errorf("decode protobuf envelope: %w", err)
	}
	if unknown.ContentEncoding != "" {
		return schema.GroupVersionKind{}, nil, errors.New("decode protobuf envelope: content encodings are not supported")
	}
	return schema.FromAPIVersionAndKind(unknown.APIVersion, unknown.Kind), unknown.Raw, nil
}

// DecodeMessage reads raw into obj.
func DecodeMessage(raw []byte, obj runtime.Object) error {
	m, ok := obj.(message)
	if !ok {
		return fmt.Errorf("object %v does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message", reflect.TypeOf(obj))
	}
	return m.Unmarshal(raw)
}

// EncodeListMeta returns the head of a list message: its field 1.
func encodeListMeta(meta *metav1.ListMeta) ([]byte, error) {
	body, err := meta.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode list metadata: %w", err)
	}
	return append(appendTag(nil, 1, len(body)), body...), nil
}
