package cache

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
	"minke/store/local"
)

// lazyCodec stores maps in JSON and counts how often it decodes.
type lazyCodec struct{ decoded int }

func (c *lazyCodec) Lazy() bool { return true }

func (c *lazyCodec) Size(value []byte) int { return 512 + 4*len(value) }

func (c *lazyCodec) Spot(value []byte) int { return bytes.Index(value, []byte(`"uid"`)) }

func (c *lazyCodec) Encode(obj runtime.Object) ([]byte, error) {
	u := obj.(*unstructured.Unstructured).DeepCopy()
	u.SetResourceVersion("")
	return json.Marshal(u.Object)
}

func (c *lazyCodec) Decode(value []byte, rev store.Revision) (runtime.Object, error) {
	c.decoded++
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(value, &u.Object); err != nil {
		return nil, err
	}
	u.SetResourceVersion(fmt.Sprint(rev))
	return u, nil
}

func thing(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": name, "uid": "u-" + name}}}
}

// textOf is an item's text with its version in it.
func textOf(t *testing.T, i *Item) string {
	t.Helper()
	head, tail, ok := i.Text()
	if !ok {
		t.Fatalf("%s has no text", i.Key)
	}
	return fmt.Sprintf(`%s"resourceVersion":"%d",%s`, head, i.Revision, tail)
}

func TestLazyItems(t *testing.T) {
	st := local.OpenMemory()
	defer st.Close()
	codec := &lazyCodec{}
	c := New(st, "/things/", codec, Options{Decoded: NewBudget(2 * int64(codec.Size(make([]byte, 64))))})
	defer c.Close()
	ctx := t.Context()
	first, err := c.Create(ctx, "/things/a", thing("a"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"metadata":{"name":"a","resourceVersion":"%d","uid":"u-a"}}`, first.Revision)
	if got := textOf(t, first); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	first.Object()
	if codec.decoded != 0 {
		t.Error("an object that was just written was decoded")
	}
	for i := range 10 { // pushes the first one out
		if _, err := c.Create(ctx, fmt.Sprint("/things/b", i), thing(fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if got := first.Object().(*unstructured.Unstructured); got.GetName() != "a" || got.GetResourceVersion() != fmt.Sprint(first.Revision) {
			t.Errorf("decoded again it is %v", got)
		}
	}
	if codec.decoded != 1 {
		t.Errorf("it was decoded %d times", codec.decoded)
	}
	gone, err := c.Delete(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	if got := gone.Object().(*unstructured.Unstructured); got.GetResourceVersion() != fmt.Sprint(gone.Revision) || gone.Revision <= first.Revision {
		t.Errorf("its last state is %v at %d", got, gone.Revision)
	}
}

// TestLazyItemsOfOthers loads what was not written as this codec writes it.
func TestLazyItemsOfOthers(t *testing.T) {
	st := local.OpenMemory()
	defer st.Close()
	_, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{
		{Key: "/things/other", Value: []byte(`{ "metadata": {"uid":"u","name":"other"} }`)},
		{Key: "/things/same", Value: []byte(`{"metadata":{"name":"same","uid":"u"}}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := New(st, "/things/", &lazyCodec{}, Options{})
	defer c.Close()
	for name, want := range map[string]bool{"other": false, "same": true} {
		item, ok, err := c.Get(t.Context(), "/things/"+name)
		if err != nil || !ok {
			t.Fatal(err)
		}
		if _, _, got := item.Text(); got != want {
			t.Errorf("%s has a text: %t", name, got)
		}
		if got := item.Object().(*unstructured.Unstructured).GetName(); got != name {
			t.Errorf("%s is called %s", name, got)
		}
	}
}
