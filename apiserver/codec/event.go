package codec

import (
	"encoding/binary"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// AppendJSONEvent appends one line of a JSON watch stream. object is JSON.
func AppendJSONEvent(b []byte, kind string, object []byte) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","object":`...)
	b = append(b, object...)
	return append(b, "}\n"...)
}

// AppendTextEvent is AppendJSONEvent for an object in two parts, between which
// its resourceVersion is missing.
func AppendTextEvent(b []byte, kind string, head []byte, revision int64, tail []byte) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","object":`...)
	b = append(b, head...)
	b = AppendVersion(b, revision)
	b = append(b, tail...)
	return append(b, "}\n"...)
}

// AppendProtobufEvent appends one frame of a protobuf watch stream: four bytes
// of length (big endian), then WatchEvent{1: type, 2: RawExtension{1: object in
// its envelope}}. message is the object's message, without envelope.
func AppendProtobufEvent(b []byte, kind string, gvk schema.GroupVersionKind, message []byte) []byte {
	head := EnvelopeHead(gvk, len(message))
	object := len(head) + len(message)
	extension := tagSize(object) + object
	size := tagSize(len(kind)) + len(kind) + tagSize(extension) + extension
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = appendBytes(b, 1, kind)
	b = appendTag(b, 2, extension)
	b = appendTag(b, 1, object)
	b = append(b, head...)
	return append(b, message...)
}
