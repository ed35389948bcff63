package encryption

import (
	"bytes"
	"context"
	"crypto/aes"
	"testing"

	"google.golang.org/protobuf/proto"
	"k8s.io/apiserver/pkg/storage/value"
	upstreamaes "k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	"k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2/v2"
	upstreambox "k8s.io/apiserver/pkg/storage/value/encrypt/secretbox"
)

// upstream are kube-apiserver's own ciphers: only tests link them.
func upstream(t *testing.T, name string, key []byte) value.Transformer {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	var made value.Transformer
	switch name {
	case "aescbc":
		made = upstreamaes.NewCBCTransformer(block)
	case "aesgcm":
		made, err = upstreamaes.NewGCMTransformer(block)
	case "secretbox":
		made = upstreambox.NewSecretboxTransformer([32]byte(key))
	case "seed":
		made, err = upstreamaes.NewHKDFExtendedNonceGCMTransformer(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestLikeUpstream holds that kube-apiserver opens what we seal, and we what it
// seals.
func TestLikeUpstream(t *testing.T) {
	ours := map[string]func([]byte) (cipherOf, error){"aescbc": newCBC, "aesgcm": newGCM, "secretbox": newBox, "seed": newSeeded}
	secret := bytes.Repeat([]byte{7}, 32)
	for name, make := range ours {
		our, err := make(secret)
		if err != nil {
			t.Fatal(err)
		}
		their := upstream(t, name, secret)
		for _, size := range []int{0, 1, 15, 16, 17, 1000} {
			want := bytes.Repeat([]byte{'x'}, size)
			sealed, err := our.seal([]byte("/key"), want)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := their.TransformFromStorage(context.Background(), sealed, value.DefaultContext("/key"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: they read our %d bytes as %q, %v", name, size, got, err)
			}
			if sealed, err = their.TransformToStorage(context.Background(), want, value.DefaultContext("/key")); err != nil {
				t.Fatal(err)
			}
			if got, err = our.open([]byte("/key"), sealed); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: we read their %d bytes as %q, %v", name, size, got, err)
			}
		}
	}
}

// TestEnvelopeLikeUpstream holds that the stored message is kube-apiserver's.
func TestEnvelopeLikeUpstream(t *testing.T) {
	e := envelope{data: []byte("d"), keyID: "k", wrapped: []byte("w"), kind: wrappedSeed, annotations: map[string][]byte{"a.example.com": []byte("1")}}
	var their v2.EncryptedObject
	if err := proto.Unmarshal(e.marshal(), &their); err != nil {
		t.Fatal(err)
	}
	if string(their.EncryptedData) != "d" || their.KeyID != "k" || string(their.EncryptedDEKSource) != "w" ||
		their.EncryptedDEKSourceType != v2.EncryptedDEKSourceType_HKDF_SHA256_XNONCE_AES_GCM_SEED || string(their.Annotations["a.example.com"]) != "1" {
		t.Errorf("they read %v", &their)
	}
	b, err := proto.Marshal(&their)
	if err != nil {
		t.Fatal(err)
	}
	var back envelope
	if err := back.unmarshal(b); err != nil || back.id() != e.id() || string(back.data) != "d" {
		t.Errorf("we read %+v, %v", back, err)
	}
}
