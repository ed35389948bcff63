package customresource

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// TestCBOR: custom resources are read and written in CBOR, as bodies, lists and
// configurations that are applied, with their schemas' rules.
func TestCBOR(t *testing.T) {
	w := newWorld(t)
	w.define("widgets", "Widget", `{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer","default":3},"ratio":{"type":"number"}}}}}`)
}
