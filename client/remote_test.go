package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"minke/api/inprocess"
	"minke/client"
)

// handle answers as an API server would, each path in another encoding.
func handle(t *testing.T) http.HandlerFunc {
	tries := 0
	proto := protobuf.NewSerializer(client.Scheme, client.Scheme)
	encode := func(obj runtime.Object) []byte {
		var b bytes.Buffer
		if err := proto.Encode(obj, &b); err != nil {
			t.Error(err)
		}
		return b.Bytes()
	}
	node := &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: "n", ResourceVersion: "7"}}
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("watch") == "true" && r.URL.Path == "/api/v1/nodes":
			w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf;stream=watch")
			event := metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: encode(node)}}
			raw, _ := event.Marshal()
			w.Write([]byte{0, 0, byte(len(raw) >> 8), byte(len(raw))})
			w.Write(raw)
			w.(http.Flusher).Flush()
		case r.URL.Query().Get("watch") == "true":
			w.Header().Set("Content-Type", "application/json")
			raw, _ := json.Marshal(map[string]any{"type": "ADDED", "object": map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w", "resourceVersion": "3"}}})
			w.Write(raw)
			w.(http.Flusher).Flush()
		case r.URL.Path == "/api/v1/nodes/busy" && tries == 0:
			tries++
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case r.URL.Path == "/api/v1/nodes/missing":
			status := apierrors.NewNotFound(client.Nodes.Resource.GroupResource(), "missing").Status()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			status.Kind, status.APIVersion = "Status", "v1"
			json.NewEncoder(w).Encode(status)
		case r.Header.Get("Authorization") != "Bearer t" && r.TLS != nil:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
			w.Write(encode(node))
		}
	}
}

func check(t *testing.T, api client.Interface) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	nodes := client.Of(api, client.Nodes)
	for _, name := range []string{"n", "busy"} {
		if n, err := nodes.Get(ctx, "", name); err != nil || n.Name != "n" {
			if name == "n" || !apierrors.IsTooManyRequests(err) {
				t.Errorf("get %s: got %v, %v", name, n, err)
			}
		}
	}
	if _, err := nodes.Get(ctx, "", "missing"); !apierrors.IsNotFound(err) {
		t.Errorf("get a missing node: got %v, want NotFound", err)
	}
	if _, err := nodes.Get(ctx, "", "../x"); err == nil {
		t.Error("a name led elsewhere")
	}
	w, err := nodes.Watch(ctx, "", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e := <-w.ResultChan(); e.Object.(*corev1.Node).Name != "n" {
		t.Errorf("watch: got %v", e)
	}
	if _, more := <-w.ResultChan(); more {
		t.Error("the watch did not end with its stream")
	}
	widgets := client.Request{Resource: client.Nodes.Resource.GroupResource().WithVersion("v1")}
	widgets.Resource.Group, widgets.Resource.Resource = "example.com", "widgets"
	w, err = api.Watch(ctx, widgets)
	if err != nil {
		t.Fatal(err)
	}
	if e := <-w.ResultChan(); e.Object.(client.Object).GetName() != "w" {
		t.Errorf("watch an unknown kind: got %v", e)
	}
}

func TestRemote(t *testing.T) {
	server := httptest.NewUnstartedServer(handle(t))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	api, err := client.Remote(client.RemoteConfig{Server: server.URL, CA: ca, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	check(t, api)
}

func TestInProcessWithoutSource(t *testing.T) {
	check(t, client.InProcess(handle(t), nil, &inprocess.User{Name: "me"}))
}

func TestInProcessTakesObjects(t *testing.T) {
	sent := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	api := client.InProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if inprocess.ObjectOf(r) != sent || inprocess.UserFrom(r.Context()).Name != "me" {
			t.Error("the object or the user did not arrive")
		}
		w.(inprocess.ObjectWriter).WriteObject(http.StatusConflict, &metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict})
	}), nil, &inprocess.User{Name: "me"})
	if _, err := client.Of(api, client.Nodes).Create(t.Context(), sent); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a Conflict", err)
	}
}
