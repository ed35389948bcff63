package openapi

import "slices"

const (
	asJSON     = "application/json"
	asYAML     = "application/yaml"
	asProtobuf = "application/vnd.kubernetes.protobuf"
	asCBOR     = "application/cbor"
)

// mediaOf returns the media types that an operation takes, and those that it
// answers with.
func (b *build) mediaOf(op operation) (consumes, produces []string) {
	objectTypes := []string{asJSON, asYAML, asProtobuf}
	streams := []string{"application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"}
	patches := []string{"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"}
	if b.cbor {
		objectTypes, streams = append(objectTypes, asCBOR), append(streams, "application/cbor-seq")
		patches = append(patches, "application/apply-patch+cbor")
	}
	any := []string{"*/*"}
	if op.media == custom {
		if op.method == "patch" {
			return []string{"application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"}, []string{asJSON, asYAML}
		}
		return []string{asJSON, asYAML}, []string{asJSON, asYAML}
	}
	if op.media == objects && op.method == "patch" {
		return patches, objectTypes
	}
	switch op.media {
	case watching:
		return any, slices.Concat(objectTypes, streams)
	case text:
		return any, append([]string{"text/plain"}, objectTypes...)
	case anything:
		return any, any
	case found:
		return objectTypes, objectTypes
	case plainJSON:
		return []string{asJSON}, []string{asJSON}
	case answeredJSON:
		return nil, []string{asJSON}
	case keySet:
		return nil, []string{"application/jwk-set+json"}
	case none:
		return nil, nil
	}
	return any, objectTypes
}
