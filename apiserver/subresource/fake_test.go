package subresource

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/authz"
	"minke/apiserver/backend"
	"minke/apiserver/request"
)

// fake is a store of objects by "resource/namespace/name" with all that the
// handlers need of a server.
type fake struct {
	objs    map[string]runtime.Object
	deleted []string
	allow   func(authz.Attributes) bool
}

func (f *fake) Get(_ context.Context, r schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	if obj, ok := f.objs[r.Resource+"/"+namespace+"/"+name]; ok {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(r.GroupResource(), name)
}

func (f *fake) Snapshot(r schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error) {
	return func(yield func(runtime.Object) bool) {
		for key, obj := range f.objs {
			if strings.HasPrefix(key, r.Resource+"/"+namespace+"/") && !yield(obj) {
				return
			}
		}
	}, "1", nil
}

func (f *fake) Update(ctx context.Context, r schema.GroupVersionResource, namespace, name string, change func(api.Object) error) (api.Object, error) {
	obj, err := f.Get(ctx, r, namespace, name)
	if err != nil {
		return nil, err
	}
	changed := obj.DeepCopyObject().(api.Object)
	if err := change(changed); err != nil {
		return nil, err
	}
	f.objs[r.Resource+"/"+namespace+"/"+name] = changed
	return changed, nil
}

func (f *fake) Delete(_ context.Context, r schema.GroupVersionResource, namespace, name string, _ metav1.DeleteOptions) error {
	f.deleted = append(f.deleted, r.Resource+"/"+namespace+"/"+name)
	return nil
}

func (f *fake) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return f.allow == nil || f.allow(a), ""
}

// Read implements Codec in JSON alone.
func (f *fake) Read(_ http.ResponseWriter, r *http.Request, into runtime.Object) error {
	return json.NewDecoder(r.Body).Decode(into)
}

func (f *fake) Write(w http.ResponseWriter, _ *http.Request, status int, obj runtime.Object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(obj)
}

func (f *fake) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		status = apierrors.NewInternalError(err)
	}
	s := status.Status()
	f.Write(w, r, int(s.Code), &s)
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func anywhere(netip.Addr) error { return nil }

func (f *fake) server() *Server {
	return New(Config{
		Codec: f, Reader: f, Updater: f, Deleter: f, Authorizer: f, Audiences: []string{"api"},
		Kubelet: Kubelet{Network: backend.Network{Check: anywhere}}, Network: backend.Network{Check: anywhere},
		Now: func() time.Time { return start },
	})
}

// handler parses requests as the server does before it dispatches.
func (s *Server) handlerAs(user *inprocess.User, action string) http.Handler {
	h := s.Actions()[action]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := request.WithUser(request.WithInfo(r.Context(), infoOf(r, action)), user)
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func infoOf(r *http.Request, action string) *request.Info {
	resource, sub, _ := strings.Cut(action, "/")
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	info := &request.Info{IsResource: true, Path: r.URL.Path, Version: "v1", Resource: resource, Subresource: sub, Verb: "create"}
	if r.Method == http.MethodGet {
		info.Verb = "get"
	}
	for i, p := range parts {
		if p == "namespaces" && i+1 < len(parts) {
			info.Namespace = parts[i+1]
		}
		if p == resource && i+1 < len(parts) {
			info.Name = parts[i+1]
		}
	}
	return info
}

// post sends body to an action and returns the answer's code and text.
func post(t *testing.T, s *Server, action, path string, body any) (int, string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.handlerAs(&inprocess.User{Name: "jane", Groups: []string{"dev"}}, action).ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(string(raw))))
	return w.Code, w.Body.String()
}
