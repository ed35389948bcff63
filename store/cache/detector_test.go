package cache

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/store/local"
)

// bareCodec leaves the resourceVersion out of what it stores.
type bareCodec struct{ jsonCodec }

func (*bareCodec) Encode(obj runtime.Object) ([]byte, error) {
	bare := obj.(*corev1.ConfigMap).DeepCopy()
	bare.ResourceVersion = ""
	return json.Marshal(bare)
}

// forgetful stores no labels.
type forgetful struct{ bareCodec }

func (f *forgetful) Encode(obj runtime.Object) ([]byte, error) {
	bare := obj.(*corev1.ConfigMap).DeepCopy()
	bare.Labels = nil
	return f.bareCodec.Encode(bare)
}

// shown are the states of one object that a cache has shown.
type shown struct{ first, second, gone *Item }

func show(t *testing.T, codec Codec, make func(version string) runtime.Object) (*Detector, shown) {
	st, d := local.OpenMemory(), NewDetector()
	c := New(st, prefix, codec, Options{Detector: d})
	t.Cleanup(func() { c.Close(); _ = st.Close() })
	w := must(c.Watch(t.Context(), "", must(c.Snapshot(t.Context(), 0))(t).Revision()))(t)
	var s shown
	s.first = must(c.Create(t.Context(), prefix+"a", make("1")))(t)
	s.second = must(c.Update(t.Context(), s.first, make("2")))(t)
	must(c.Delete(t.Context(), s.second))(t)
	for events := range w.Events() {
		if last := events[len(events)-1]; last.Type == Deleted {
			s.gone = last.Item
			break
		}
	}
	return d, s
}

func TestDetector(t *testing.T) {
	typed := func(i *Item) *corev1.ConfigMap { return i.Object().(*corev1.ConfigMap) }
	metadata := func(i *Item) map[string]any {
		return i.Object().(*unstructured.Unstructured).Object["metadata"].(map[string]any)
	}
	encode := func(runtime.Object) ([]byte, error) { return []byte("encoded"), nil }
	for _, c := range []struct {
		name   string
		lazy   bool
		change func(*testing.T, shown)
		want   string // of the error; empty: nothing is to be found
	}{
		{"nothing", false, func(*testing.T, shown) {}, ""},
		{"nothing that is lazy", true, func(_ *testing.T, s shown) { metadata(s.first) }, ""},
		{"an object's map", false, func(_ *testing.T, s shown) { typed(s.second).Data["v"] = "x" }, `changed the shared *v1.ConfigMap /registry/configmaps/a: .Data["v"] is "x" and was "2"`},
		{"a past state", false, func(_ *testing.T, s shown) { typed(s.first).Labels["a"] = "x" }, "changed the shared"},
		{"a field of the last state", false, func(_ *testing.T, s shown) { typed(s.gone).Name = "x" }, "changed the shared"},
		{"an empty map in place of none", false, func(_ *testing.T, s shown) { typed(s.first).Annotations = map[string]string{} }, ".ObjectMeta.Annotations is"},
		{"an object without a type", true, func(_ *testing.T, s shown) { metadata(s.first)["x"] = "y" }, "changed the shared"},
		{"a stored value", false, func(_ *testing.T, s shown) { s.first.Value[0] = 'x' }, "the value of"},
		{"a kept encoding", false, func(t *testing.T, s shown) { must(s.first.Encoding("json", encode))(t)[0] = 'x' }, "the encoding json"},
		{"what follows a text's head", true, func(t *testing.T, s shown) {
			head, _, ok := s.first.Text()
			if !ok {
				t.Fatal("the item has no text")
			}
			_ = append(head, 'x')
		}, "the value of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := show(t, &bareCodec{}, func(v string) runtime.Object { return object("a", v) })
			if c.lazy {
				d, s = show(t, &lazyCodec{}, func(string) runtime.Object { return thing("a") })
			}
			c.change(t, s)
			err := d.Check()
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v, wanted %q", err, c.want)
			}
			if err := d.Check(); err != nil {
				t.Errorf("found twice: %v", err)
			}
		})
	}
}

// TestDetectorReadsAnew finds an object that is not what it was stored as.
func TestDetectorReadsAnew(t *testing.T) {
	d, _ := show(t, &forgetful{}, func(v string) runtime.Object { return object("a", v) })
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), "not as it was stored") {
		t.Errorf("found %v", err)
	}
}
