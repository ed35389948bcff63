package encryption

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kms "k8s.io/kms/apis/v2"

	"minke/api"
	"minke/apiserver/codec"
	"minke/cluster/configfile"
	"minke/store"
	"minke/store/cache"
)

var secrets = schema.GroupResource{Resource: "secrets"}

const prefix = "/registry/secrets/"

// key returns a key of n bytes, made of one byte.
func key(b byte, n int) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n))
}

// config makes a configuration of one rule for secrets.
func config(providers string) string {
	return "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n" + providers
}

// local makes the YAML of a provider with named keys, "name=byte".
func localKeys(provider string, named ...string) string {
	text := "  - " + provider + ":\n      keys:\n"
	for _, k := range named {
		text += fmt.Sprintf("      - {name: %s, secret: %s}\n", k[:len(k)-2], key(k[len(k)-1], 32))
	}
	return text
}

const plain = "  - identity: {}\n"

var discard = slog.New(slog.DiscardHandler)

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func encryption(t *testing.T, content string) *Encryption {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	write(t, file, content)
	e, err := New(Config{File: file, Parse: configfile.Encryption, Log: discard, ServerID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.now().closePlugIns() })
	return e
}

// view opens a cache of the secrets in st.
func view(t *testing.T, st store.Store, s cache.Sealer) *cache.Cache {
	t.Helper()
	d := cache.NewDetector()
	c := cache.New(st, prefix, codec.Storage{
		Kind: corev1.SchemeGroupVersion.WithKind("Secret"),
		New:  func() api.Object { return &corev1.Secret{} }, Default: func(api.Object) {},
	}, cache.Options{Sealer: s, Log: discard, Detector: d})
	t.Cleanup(func() {
		c.Close()
		if err := d.Check(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func secret(name string) *corev1.Secret {
	return &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}, Data: map[string][]byte{"password": []byte("tell-nobody")}}
}

func create(t *testing.T, c *cache.Cache, name string) *cache.Item {
	t.Helper()
	item, err := c.Create(t.Context(), prefix+"ns/"+name, secret(name))
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// read returns the password that a cache gives.
func read(t *testing.T, c *cache.Cache, name string) string {
	t.Helper()
	item, ok, err := c.Get(t.Context(), prefix+"ns/"+name)
	if err != nil || !ok {
		t.Fatalf("get %s: %v, %v", name, ok, err)
	}
	return string(item.Object().(*corev1.Secret).Data["password"])
}

// stored returns the bytes in the store.
func stored(t *testing.T, st store.Store, name string) []byte {
	t.Helper()
	e, _, err := st.Get(t.Context(), prefix+"ns/"+name)
	if err != nil || e == nil {
		t.Fatalf("%v, %v", e, err)
	}
	return e.Value
}

func overwrite(t *testing.T, st store.Store, name string, value []byte) {
	t.Helper()
	if _, err := st.Txn(t.Context(), store.Txn{Writes: []store.Write{{Key: prefix + "ns/" + name, Value: value}}}); err != nil {
		t.Fatal(err)
	}
}

// vault is a KMS v2 plug-in for tests: it "encrypts" by naming its key.
type vault struct {
	kms.UnimplementedKeyManagementServiceServer
	endpoint string

	mu       sync.Mutex
	keyID    string
	ill      bool
	decrypts int
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{keyID: "key-1", endpoint: "unix://" + filepath.Join(t.TempDir(), "kms.sock")}
	l, err := net.Listen("unix", v.endpoint[len("unix://"):])
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kms.RegisterKeyManagementServiceServer(server, v)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return v
}

func (v *vault) provider() string {
	return "  - kms: {apiVersion: v2, name: vault, endpoint: '" + v.endpoint + "'}\n"
}

func (v *vault) set(keyID string, ill bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keyID, v.ill = keyID, ill
}

var errIll = errors.New("the vault is ill")

func (v *vault) Status(context.Context, *kms.StatusRequest) (*kms.StatusResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ill {
		return nil, errIll
	}
	return &kms.StatusResponse{Version: "v2", Healthz: "ok", KeyId: v.keyID}, nil
}

func (v *vault) Encrypt(_ context.Context, r *kms.EncryptRequest) (*kms.EncryptResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ill {
		return nil, errIll
	}
	return &kms.EncryptResponse{Ciphertext: append([]byte(v.keyID+"|"), r.Plaintext...), KeyId: v.keyID,
		Annotations: map[string][]byte{"version.example.com": []byte("1")}}, nil
}

func (v *vault) Decrypt(_ context.Context, r *kms.DecryptRequest) (*kms.DecryptResponse, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.decrypts++
	plain, ok := bytes.CutPrefix(r.Ciphertext, []byte(r.KeyId+"|"))
	if v.ill || !ok || string(r.Annotations["version.example.com"]) != "1" {
		return nil, errIll
	}
	return &kms.DecryptResponse{Plaintext: plain}, nil
}
