package cache

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// bareCodec leaves the resourceVersion out of what it stores.
type bareCodec struct{ jsonCodec }

func (*bareCodec) Encode(obj runtime.Object) ([]byte, error) {
	bare := obj.(*corev1.ConfigMap).DeepCopy()
	bare.ResourceVersion = ""
	return json.Marshal(bare)
}

func TestCheckUnchanged(t *testing.T) {
	c, _ := newCache(t, Options{})
	c.codec = &bareCodec{}
	item := must(c.Create(t.Context(), prefix+"a", object("a", "1")))(t)
	next := must(c.Update(t.Context(), item, object("a", "2")))(t)
	if err := c.CheckUnchanged(t.Context()); err != nil {
		t.Errorf("nobody changed anything: %v", err)
	}
	item.Object().(*corev1.ConfigMap).Data["v"] = "x"
	if err := c.CheckUnchanged(t.Context()); err == nil {
		t.Error("a change of a past state was not found")
	}
	item.Object().(*corev1.ConfigMap).Data["v"] = "1"
	next.Object().(*corev1.ConfigMap).Labels["a"] = "x"
	if err := c.CheckUnchanged(t.Context()); err == nil {
		t.Error("a change of the present state was not found")
	}
}
