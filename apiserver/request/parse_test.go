package request

import (
	"net/http/httptest"
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		method, url string
		want        Info
	}{
		{"GET", "/healthz", Info{Verb: "get"}},
		{"GET", "/api/v1", Info{Verb: "get"}},
		{"GET", "/apis/apps/v1", Info{Verb: "get"}},
		{"GET", "/api/v1/pods", Info{IsResource: true, Verb: "list", Version: "v1", Resource: "pods"}},
		{"GET", "/api/v1/pods?watch=true", Info{IsResource: true, Verb: "watch", Version: "v1", Resource: "pods"}},
		{"GET", "/api/v1/pods?watch=false", Info{IsResource: true, Verb: "list", Version: "v1", Resource: "pods"}},
		{"GET", "/api/v1/watch/namespaces/a/pods/b", Info{IsResource: true, WatchPath: true, Verb: "watch", Version: "v1", Resource: "pods", Namespace: "a", Name: "b"}},
		{"DELETE", "/api/v1/watch/nodes/n", Info{IsResource: true, WatchPath: true, Verb: "watch", Version: "v1", Resource: "nodes", Name: "n"}},
		{"GET", "/api/v1/namespaces", Info{IsResource: true, Verb: "list", Version: "v1", Resource: "namespaces"}},
		{"GET", "/api/v1/namespaces/a", Info{IsResource: true, Verb: "get", Version: "v1", Resource: "namespaces", Namespace: "a", Name: "a"}},
		{"PUT", "/api/v1/namespaces/a/finalize", Info{IsResource: true, Verb: "update", Version: "v1", Resource: "namespaces", Namespace: "a", Name: "a", Subresource: "finalize"}},
		{"POST", "/apis/apps/v1/namespaces/a/deployments", Info{IsResource: true, Verb: "create", Group: "apps", Version: "v1", Resource: "deployments", Namespace: "a"}},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", Info{IsResource: true, Verb: "patch", Group: "apps", Version: "v1", Resource: "deployments", Namespace: "a", Name: "d", Subresource: "scale"}},
		{"DELETE", "/api/v1/namespaces/a/pods", Info{IsResource: true, Verb: "deletecollection", Version: "v1", Resource: "pods", Namespace: "a"}},
		{"DELETE", "/api/v1/namespaces/a/pods/p", Info{IsResource: true, Verb: "delete", Version: "v1", Resource: "pods", Namespace: "a", Name: "p"}},
		{"GET", "/api/v1/nodes/n/proxy/a/b", Info{IsResource: true, Verb: "get", Version: "v1", Resource: "nodes", Name: "n", Subresource: "proxy", Parts: []string{"a", "b"}}},
		{"GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dn", Info{IsResource: true, Verb: "list", Version: "v1", Resource: "nodes", Name: "n", FieldSelector: "metadata.name=n"}},
		{"GET", "/api/v1/pods?labelSelector=a%3Db", Info{IsResource: true, Verb: "list", Version: "v1", Resource: "pods", LabelSelector: "a=b"}},
		{"GET", "/api/v1/namespaces/a/pods/p?labelSelector=a%3Db", Info{IsResource: true, Verb: "get", Version: "v1", Resource: "pods", Namespace: "a", Name: "p"}},
		{"HEAD", "/api/v1/nodes/n", Info{IsResource: true, Verb: "get", Version: "v1", Resource: "nodes", Name: "n"}},
		{"TRACE", "/api/v1/nodes/n", Info{IsResource: true, Version: "v1", Resource: "nodes", Name: "n"}},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		c.want.Path = r.URL.Path
		if got := Parse(r); !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s %s:\n got %+v\nwant %+v", c.method, c.url, *got, c.want)
		}
	}
}
