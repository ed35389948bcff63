package apiserver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minke/apiserver/codec"
)

// FuzzParameters: no parameters of lists and watches panic or are answered with
// an error of the server's.
func FuzzParameters(f *testing.F) {
	w := newWorld(f, func(c *Config) { c.Limits.Request = time.Second })
	w.must(201, "POST", cms, configMap("a", "1"))
	for _, seed := range []string{
		"limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0", "resourceVersion=1&resourceVersionMatch=Exact",
		"resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=-1", "labelSelector=a%20in%20(b,c),!d,e!=f", "fieldSelector=metadata.name%3Da,metadata.namespace!%3Db",
		"timeoutSeconds=0&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "includeObject=None&pretty=1", "watch=1&resourceVersion=99999999999999999999",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, query string, watch bool) {
		if watch {
			query = "watch=true&timeoutSeconds=1&" + query
		}
		r := httptest.NewRequest("GET", cms, nil)
		r.URL.RawQuery = query
		ctx, cancel := context.WithTimeout(r.Context(), 50*time.Millisecond)
		defer cancel()
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r.WithContext(ctx))
		if rec.Code >= http.StatusInternalServerError && rec.Code != http.StatusGatewayTimeout {
			t.Errorf("%q: %d %s", query, rec.Code, rec.Body)
		}
	})
}

// FuzzApplied: no configuration that is applied panics or is the server's fault,
// but where Kubernetes says so of what its schema does not know.
func FuzzApplied(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"b"}}`,
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n  finalizers: [a/b]\ndata: {}\n",
		`{"apiVersion":"v0","kind":"ConfigMap","metadata":{"ownerReferences":[{"uid":"1"}],"managedFields":null}}`,
	} {
		f.Add([]byte(seed), false, false)
		f.Add([]byte(seed), true, false)
	}
	f.Add([]byte("\xd9\xd9\xf7\xa2\x44kind\x49ConfigMap\x4aapiVersion\x42v1"), false, true)
	f.Fuzz(func(t *testing.T, body []byte, force, cbor bool) {
		w := newWorld(t, func(c *Config) { c.CBOR = true })
		path, media := cms+"/a?fieldManager=f", "application/apply-patch+yaml"
		if force {
			path += "&force=true"
		}
		if cbor {
			media = "application/apply-patch+cbor"
		}
		for range 2 {
			rec := w.do("PATCH", path, string(body), "Content-Type", media)
			if rec.Code >= http.StatusInternalServerError && !strings.Contains(rec.Body.String(), "failed to create typed patch object") {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		}
	})
}

// FuzzAccept: no Accept header panics, and what is chosen can be written.
func FuzzAccept(f *testing.F) {
	f.Add("application/json;as=Table;v=v1;g=meta.k8s.io,*/*;q=0.1")
	f.Add("application/cbor, application/vnd.kubernetes.protobuf;q=0.9")
	f.Fuzz(func(t *testing.T, accept string) {
		if a, ok := (codec.Offer{CBOR: true}).Negotiate(accept); ok && a.Format.String() == "" {
			t.Errorf("%q: %+v", accept, a)
		}
	})
}
