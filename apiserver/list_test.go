package apiserver

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"minke/apiserver/codec"
)

func names(list map[string]any) []string {
	var out []string
	for _, item := range list["items"].([]any) {
		out = append(out, at(item, "metadata", "name").(string))
	}
	return out
}

func TestListPages(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.must(201, "POST", cms, configMap(fmt.Sprintf("c%d", i), "1"))
	}
	w.must(201, "POST", "/api/v1/namespaces/other/configmaps", configMap("c9", "1"))
	first := w.must(200, "GET", cms+"?limit=2", "")
	w.want(names(first), []string{"c0", "c1"}, "first page")
	w.want(at(first, "metadata", "remainingItemCount"), 3, "remaining")
	w.must(200, "DELETE", cms+"/c2", "")
	w.must(201, "POST", cms, configMap("c5", "1"))
	next := url.QueryEscape(at(first, "metadata", "continue").(string))
	second := w.must(200, "GET", cms+"?limit=2&continue="+next, "")
	w.want(names(second), []string{"c2", "c3"}, "the second page is as of the first")
	w.want(at(second, "metadata", "resourceVersion"), at(first, "metadata", "resourceVersion"), "revision")
	w.want(at(second, "metadata", "remainingItemCount"), 1, "remaining")
	last := w.must(200, "GET", cms+"?limit=2&continue="+url.QueryEscape(at(second, "metadata", "continue").(string)), "")
	w.want(names(last), []string{"c4"}, "last page")
	w.want(at(last, "metadata", "continue"), nil, "continue")
	w.want(names(w.must(200, "GET", "/api/v1/configmaps", "")), []string{"c0", "c1", "c3", "c4", "c5", "c9"}, "all namespaces")
	exact := w.must(200, "GET", cms+"?resourceVersionMatch=Exact&resourceVersion="+at(first, "metadata", "resourceVersion").(string), "")
	w.want(names(exact), []string{"c0", "c1", "c2", "c3", "c4"}, "exact revision")
	w.want(names(w.must(200, "GET", cms+"?labelSelector=app%3Dc3", "")), []string{"c3"}, "label selector")
	w.want(names(w.must(200, "GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dc9", "")), []string{"c9"}, "field selector")
	w.want(names(w.must(200, "GET", cms+"?fieldSelector=metadata.name%3Dc1", "")), []string{"c1"}, "name in namespace")
	w.must(400, "GET", cms+"?resourceVersion=5&continue="+next, "")
	for query, want := range map[string][]string{
		"fieldSelector=metadata.name%3Dc3&continue=" + next: {"c3"},
		"fieldSelector=metadata.name%3Dc1&continue=" + next: nil,
		"resourceVersion=0&limit=2":                         {"c0", "c1", "c3", "c4", "c5"}, // the limit does not count there
	} {
		w.want(names(w.must(200, "GET", cms+"?"+query, "")), want, query)
	}
}

func TestExpiredContinue(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.History = 2 })
	for i := range 3 {
		w.must(201, "POST", cms, configMap(fmt.Sprintf("c%d", i), "1"))
		for j := range 3 {
			w.must(200, "PUT", cms+fmt.Sprintf("/c%d", i), configMap(fmt.Sprintf("c%d", i), fmt.Sprint("x", j)))
		}
	}
	old := token{Revision: 2, Start: "default/c0\x00", Since: time.Now().Unix()}.encode()
	got := w.must(410, "GET", cms+"?limit=1&continue="+old, "")
	w.want(got["reason"], "Expired", "reason")
	rest := w.must(200, "GET", cms+"?continue="+at(got, "metadata", "continue").(string), "")
	w.want(names(rest), []string{"c1", "c2"}, "the rest, as of now")
	late := token{Revision: 13, Start: "default/c0\x00", Since: time.Now().Add(-tokenLife - time.Minute).Unix()}.encode()
	w.must(410, "GET", cms+"?limit=1&continue="+late, "")
}

func TestForms(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, configMap("a", "1"))
	w.must(201, "POST", cms, configMap("b", "1"))
	rec := w.do("GET", cms, "", "Accept", "application/vnd.kubernetes.protobuf, application/json")
	w.want(rec.Header().Get("Content-Type"), codec.MediaProtobuf, "content type")
	kind, raw, err := codec.OpenEnvelope(rec.Body.Bytes())
	var list corev1.ConfigMapList
	if err != nil || codec.DecodeMessage(raw, &list) != nil {
		t.Fatal(err)
	}
	w.want(kind.Kind, "ConfigMapList", "kind")
	w.want(len(list.Items), 2, "items")
	w.want(list.Items[1].Name, "b", "name")
	rec = w.do("GET", cms+"/a", "", "Accept", "application/yaml")
	var one corev1.ConfigMap
	if err := yaml.UnmarshalStrict(rec.Body.Bytes(), &one); err != nil || one.Data["k"] != "1" {
		t.Errorf("YAML: %v: %s", err, rec.Body)
	}
	table := w.must(200, "GET", cms, "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
	w.want(table["kind"], "Table", "kind")
	row := table["rows"].([]any)[0]
	w.want(at(row, "cells"), []any{"a", 1}, "cells")
	w.want(at(row, "object", "kind"), "PartialObjectMetadata", "row's object")
	partials := w.must(200, "GET", cms, "", "Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
	w.want(partials["kind"], "PartialObjectMetadataList", "kind")
	w.want(names(partials), []string{"a", "b"}, "partials")
	rec = w.do("GET", cms, "", "Accept", "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
	_, raw, err = codec.OpenEnvelope(rec.Body.Bytes())
	var metas metav1.PartialObjectMetadataList
	if err != nil || metas.Unmarshal(raw) != nil || len(metas.Items) != 2 {
		t.Errorf("protobuf partials: %v: %v", err, metas)
	}
	partial := w.must(200, "GET", cms+"/a", "", "Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
	w.want(at(partial, "data"), nil, "a partial object's data")
	w.must(406, "GET", cms+"/a", "", "Accept", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io")
}

// TestTokenAhead: a token may be of a revision that this resource has not seen yet, of
// another server or another resource.
func TestTokenAhead(t *testing.T) {
	w := newWorld(t)
	w.must(200, "GET", "/apis/apps/v1/deployments", "")
	w.must(201, "POST", cms, configMap("a", "1"))
	last := w.must(201, "POST", cms, configMap("b", "1"))
	next := url.QueryEscape(at(w.must(200, "GET", cms+"?limit=1", ""), "metadata", "continue").(string))
	got := w.must(200, "GET", "/apis/apps/v1/deployments?limit=1&continue="+next, "")
	w.want(at(got, "metadata", "resourceVersion"), at(last, "metadata", "resourceVersion"), "revision")
}

// TestEmptyForms: which forms of an empty list are null is what Kubernetes' libraries
// make of them.
func TestEmptyForms(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ path, as, want string }{
		{cms, "", `"items":[]`},
		{cms, ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", `"items":null`},
		{cms, ";as=Table;v=v1;g=meta.k8s.io", `"rows":[]`},
		{"/apis/apps/v1/namespaces/default/deployments", ";as=Table;v=v1;g=meta.k8s.io", `"rows":null`},
	} {
		rec := w.do("GET", c.path, "", "Accept", "application/json"+c.as)
		if !strings.Contains(rec.Body.String(), c.want) {
			t.Errorf("%s %s: %s, want %s", c.path, c.as, rec.Body, c.want)
		}
	}
}

func TestProtobufBody(t *testing.T) {
	w := newWorld(t)
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Data: map[string]string{"k": "v"}}
	body, err := codec.EncodeProtobuf(cm, core.WithKind("ConfigMap"))
	if err != nil {
		t.Fatal(err)
	}
	made := w.must(201, "POST", cms, string(body), "Content-Type", codec.MediaProtobuf)
	w.want(at(made, "data", "k"), "v", "data")
	text, _ := yaml.Marshal(cm)
	w.must(409, "POST", cms, string(text), "Content-Type", codec.MediaYAML)
}

// TestPagesUnderWrites: a list that is read page by page stays as it was, also
// when the window of events has long gone on, until its token is too old.
func TestPagesUnderWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Limits.History = 2 }, inMemory)
		for i := range 5 {
			w.must(201, "POST", cms, configMap(fmt.Sprintf("c%d", i), "1"))
		}
		page := w.must(200, "GET", cms+"?limit=2", "")
		first := url.QueryEscape(at(page, "metadata", "continue").(string))
		for n := range 20 {
			w.must(200, "PUT", cms+"/c3", configMap("c3", fmt.Sprint(n)))
		}
		w.must(200, "DELETE", cms+"/c4", "")
		time.Sleep(tokenLife - time.Second)
		page = w.must(200, "GET", cms+"?limit=2&continue="+first, "")
		w.want(names(page), []string{"c2", "c3"}, "the second page")
		w.want(at(page["items"].([]any)[1], "data", "k"), "1", "an object as it was")
		last := url.QueryEscape(at(page, "metadata", "continue").(string))
		w.want(names(w.must(200, "GET", cms+"?limit=2&continue="+last, "")), []string{"c4"}, "the last page")
		time.Sleep(lingering + time.Second)
		w.must(410, "GET", cms+"?limit=2&continue="+last, "")
		pages := w.routes.Load().endpoints[core.WithResource("configmaps")].pages
		kept := func() int {
			pages.mu.Lock()
			defer pages.mu.Unlock()
			return len(pages.pinned)
		}
		w.want(kept(), 0, "kept states")

		var tokens []string
		for range 2 { // two lists of one state, read to their ends
			page = w.must(200, "GET", cms+"?limit=3", "")
			tokens = append(tokens, url.QueryEscape(at(page, "metadata", "continue").(string)))
		}
		w.must(200, "GET", cms+"?limit=3&continue="+tokens[0], "")
		time.Sleep(time.Minute)
		w.want(kept(), 1, "states while one list goes on")
		for range 2 { // whose client asks once more
			w.must(200, "GET", cms+"?limit=3&continue="+tokens[1], "")
			time.Sleep(lingering - time.Second)
			w.want(kept(), 1, "states just after")
		}
		time.Sleep(2 * time.Second)
		w.want(kept(), 0, "states after both lists")
		for range maxPinned + 2 {
			w.must(200, "PUT", cms+"/c3", configMap("c3", fmt.Sprint(kept())+"!"))
			w.must(200, "GET", cms+"?limit=1", "")
		}
		w.want(kept() <= maxPinned, true, "bounded states")
	})
}
