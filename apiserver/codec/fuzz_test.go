package codec

import (
	"encoding/binary"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// FuzzBody: no body in any format panics, and what is understood is what is
// written back.
func FuzzBody(f *testing.F) {
	kind := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	cm := &corev1.ConfigMap{Data: map[string]string{"a": "b"}, BinaryData: map[string][]byte{"c": {0, 1}}}
	cm.SetGroupVersionKind(kind)
	for format := range formats {
		data, err := Encode(cm, kind, Format(format), false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, format, true)
		f.Add(data, format, false)
	}
	for _, seed := range []string{`{"data":{"a":"\\"}}`, "data:\n  a: &x b\n  c: *x\n", "k8s\x00\x0a\x00", "\xd9\xd9\xf7\xbf\x44kind\x5f\x41a\xff\xff", `{"a":[[],{},null,1e9]}`} {
		for format := range formats {
			f.Add([]byte(seed), format, false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, format int, typed bool) {
		body := &Body{Data: data, Format: Format(uint(format) % uint(formats)), Validation: Strict}
		fresh := func() runtime.Object {
			if typed || body.Format == Protobuf {
				return &corev1.ConfigMap{}
			}
			return &unstructured.Unstructured{}
		}
		obj := fresh()
		if _, err := body.Decode(obj, kind); err != nil {
			return
		}
		again, err := Encode(obj, kind, body.Format, false)
		if err != nil {
			return // JSON has numbers that CBOR has not, and the like
		}
		back := fresh()
		if _, err := (&Body{Data: again, Format: body.Format, Validation: Ignore}).Decode(back, kind); err != nil {
			t.Fatalf("it writes what it does not read: %v", err)
		}
		if body.Format == Protobuf && !equality.Semantic.DeepEqual(obj, back) {
			t.Errorf("got %#v, want %#v", back, obj)
		}
	})
}

// formats is how many formats there are.
const formats = int(CBOR) + 1

// FuzzBounds: what counts and weighs bodies before they are decoded bears
// everything.
func FuzzBounds(f *testing.F) {
	f.Add([]byte(`{"a":[1,{}]}`))
	f.Add([]byte("a: |\n  b\n- [c, {d: e}]\n"))
	f.Add([]byte("\xbf\x44data\xff"))
	f.Add([]byte("\x12\x03\x12\x01\x00"))
	f.Add(binary.AppendUvarint([]byte{0x12}, 1<<63))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = CheckDepth(data)
		_ = CheckElements(data, true)
		_ = checkYAMLNodes(data)
		_ = checkCBOR(data, true)
		w := weigher{left: maxWeight}
		w.weigh(data, shapeOf(podType), 0)
	})
}
