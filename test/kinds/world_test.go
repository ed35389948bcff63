package kinds

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver"
	"minke/apiserver/openapi"
	"minke/store/cache"
	"minke/store/local"
)

// serve starts an API server of resources, on a store of its own on disk.
func serve(t testing.TB, resources []*api.Resource) *client {
	t.Helper()
	st, err := local.Open(t.TempDir(), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var detector *cache.Detector
	if _, bench := t.(*testing.B); !bench {
		detector = cache.NewDetector()
	}
	s, err := apiserver.New(apiserver.Config{
		Store: st, Resources: resources, CBOR: true, Detector: detector,
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		OpenAPI: openapi.New("v1.37.2", openapi.Set{Resources: resources}),
		Authenticate: func(*http.Request) (*inprocess.User, error) {
			return &inprocess.User{Name: "tester", Groups: []string{"system:masters"}}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.Close()
		s.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		if err := detector.Check(); err != nil {
			t.Error(err)
		}
	})
	return &client{t: t, base: web.URL}
}

// client speaks HTTP to the server.
type client struct {
	t    testing.TB
	base string
}

// do sends a request with a body of the media type and returns the answer's
// code, media type and body.
func (c *client) do(method, path, media, accept string, body []byte) (int, string, []byte) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.base+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Accept", accept)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), data
}

// pathOf returns the path of a resource's collection in a version.
func pathOf(r *api.Resource, version string) string {
	path := "/apis/" + r.Kind.Group + "/" + version
	if r.Kind.Group == "" {
		path = "/api/" + version
	}
	if r.Namespaced {
		path += "/namespaces/default"
	}
	return path + "/" + r.Plural
}
