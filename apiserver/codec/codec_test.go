package codec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
)

func TestNegotiate(t *testing.T) {
	plain := Offer{}
	for accept, want := range map[string]Accepted{
		"":                                 {},
		"*/*":                              {},
		"text/html,application/yaml;q=0.9": {Format: YAML},
		"application/json;q=0.1, " + MediaProtobuf:                      {Format: Protobuf},
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json": {As: "Table", AsVersion: "v1"},
		"application/json;as=Table;v=v7;g=meta.k8s.io,application/json": {},
		MediaProtobuf + ";as=Table;v=v1;g=meta.k8s.io," + MediaYAML:     {Format: YAML},
	} {
		if got, ok := plain.Negotiate(accept); !ok || got != want {
			t.Errorf("%q: got %v %v, want %v", accept, got, ok, want)
		}
	}
	for _, accept := range []string{"image/png", "application/json;q=0", "application/json;as=Foo;v=v1;g=meta.k8s.io"} {
		if got, ok := plain.Negotiate(accept); ok {
			t.Errorf("%q: got %v, want nothing", accept, got)
		}
	}
	// CBOR is only there when it is offered; what else is accepted then counts.
	for accept, want := range map[string][2]Format{
		"application/cbor,application/json;q=0.9":     {JSON, CBOR},
		"application/cbor-seq,application/json;q=0.9": {JSON, CBOR},
		"application/json,application/cbor;q=0.9":     {JSON, JSON},
	} {
		without, ok1 := plain.Negotiate(accept)
		with, ok2 := Offer{CBOR: true}.Negotiate(accept)
		if got := [2]Format{without.Format, with.Format}; got != want || !ok1 || !ok2 {
			t.Errorf("%q: got %v, want %v", accept, got, want)
		}
	}
}

// TestListEqualsWholeEncoding compares lists composed of kept encodings with
// the same lists encoded at once, around the sizes at which buffers are flushed.
func TestListEqualsWholeEncoding(t *testing.T) {
	kind := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	for _, size := range []int{0, 1, 100, 127, 128, 20000, flushAt / 2, flushAt, flushAt + 1} {
		whole := corev1.ConfigMapList{Items: []corev1.ConfigMap{}}
		whole.ResourceVersion = "7"
		var texts, messages, elements [][]byte
		for i := range 5 {
			cm := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: string(rune('a' + i))}, Data: map[string]string{"k": strings.Repeat("x", size)}}
			whole.Items = append(whole.Items, cm)
			cm.SetGroupVersionKind(kind)
			text, err := EncodeJSON(&cm)
			if err != nil {
				t.Fatal(err)
			}
			message, err := EncodeMessage(&cm)
			if err != nil {
				t.Fatal(err)
			}
			element, err := EncodeCBORElement(&cm)
			if err != nil {
				t.Fatal(err)
			}
			texts, messages, elements = append(texts, text), append(messages, message), append(elements, element)
		}
		list := &List{Kind: kind.GroupVersion().WithKind("ConfigMapList"), Meta: whole.ListMeta, Items: texts, ItemHead: TypeHead(kind)}
		whole.SetGroupVersionKind(list.Kind)
		var b bytes.Buffer
		if err := list.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(&whole)
		if got := bytes.TrimSpace(b.Bytes()); !bytes.Equal(got, want) {
			t.Errorf("size %d: JSON differs", size)
		}
		list.Items = messages
		b.Reset()
		if err := list.WriteProtobuf(&b); err != nil {
			t.Fatal(err)
		}
		if want, _ := EncodeProtobuf(&whole, list.Kind); !bytes.Equal(b.Bytes(), want) {
			t.Errorf("size %d: protobuf differs", size)
		}
		list.Items = elements
		b.Reset()
		if err := list.WriteCBOR(&b); err != nil {
			t.Fatal(err)
		}
		var upstream bytes.Buffer
		if err := cbor.NewSerializer(nil, nil).Encode(&whole, &upstream); err != nil || !bytes.Equal(b.Bytes(), upstream.Bytes()) {
			t.Errorf("size %d: CBOR differs: %v", size, err)
		}
	}
}
