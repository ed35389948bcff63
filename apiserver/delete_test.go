package apiserver

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const pods = "/api/v1/namespaces/default/pods"

func TestGracefulDeletion(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", pods, `{"metadata":{"name":"a"}}`)
	first := w.must(200, "DELETE", pods+"/a?gracePeriodSeconds=20", "")
	w.want(at(first, "kind"), "Pod", "the pod itself is the answer")
	w.want(at(first, "metadata", "deletionGracePeriodSeconds"), 20, "grace")
	longer := w.must(200, "DELETE", pods+"/a?gracePeriodSeconds=40", "")
	w.want(longer, first, "a longer grace changes nothing")
	shorter := w.must(200, "DELETE", pods+"/a", `{"gracePeriodSeconds":5}`)
	w.want(at(shorter, "metadata", "deletionGracePeriodSeconds"), 5, "a shorter grace")
	if at(shorter, "metadata", "deletionTimestamp") == at(first, "metadata", "deletionTimestamp") {
		t.Error("the deletion's time did not move with the grace")
	}
	last := w.must(200, "DELETE", pods+"/a", `{"kind":"DeleteOptions","apiVersion":"policy/v1","gracePeriodSeconds":0}`)
	w.want(at(last, "kind"), "Pod", "a deleted pod is the answer")
	w.must(404, "GET", pods+"/a", "")
}

func TestFinalizers(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", cms, `{"metadata":{"name":"a","finalizers":["x.y/z"]}}`)
	held := w.must(200, "DELETE", cms+"/a", "")
	w.want(at(held, "metadata", "deletionGracePeriodSeconds"), 0, "grace")
	again := w.must(200, "DELETE", cms+"/a", "")
	w.want(again, held, "the second deletion changes nothing")
	more := w.must(422, "PATCH", cms+"/a", `{"metadata":{"finalizers":["x.y/z","new.one/f"]}}`, "Content-Type", "application/merge-patch+json")
	w.want(more["reason"], "Invalid", "a finalizer added while deleting")
	w.must(200, "PATCH", cms+"/a", `{"metadata":{"finalizers":null}}`, "Content-Type", "application/merge-patch+json")
	w.must(404, "GET", cms+"/a", "")
}

func TestPropagation(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct{ body, finalizer string }{
		"orphan":     {`{"propagationPolicy":"Orphan"}`, metav1.FinalizerOrphanDependents},
		"foreground": {`{"propagationPolicy":"Foreground"}`, metav1.FinalizerDeleteDependents},
		"old":        {`{"orphanDependents":true}`, metav1.FinalizerOrphanDependents},
	} {
		w.must(201, "POST", cms, configMap(name, "1"))
		marked := w.must(200, "DELETE", cms+"/"+name, c.body)
		w.want(at(marked, "metadata", "finalizers"), []string{c.finalizer}, name)
	}
	w.must(201, "POST", cms, configMap("plain", "1"))
	w.must(200, "DELETE", cms+"/plain", `{"propagationPolicy":"Background"}`)
	w.must(404, "GET", cms+"/plain", "")
}

func TestPreconditions(t *testing.T) {
	w := newWorld(t)
	made := w.must(201, "POST", cms, configMap("a", "1"))
	w.must(409, "DELETE", cms+"/a", `{"preconditions":{"uid":"other"}}`)
	w.must(409, "DELETE", cms+"/a", `{"preconditions":{"resourceVersion":"1"}}`)
	w.must(409, "DELETE", cms+"/a?uid=other", "")
	dry := w.must(200, "DELETE", cms+"/a?dryRun=All", "")
	w.want(dry["status"], "Success", "dry run")
	w.must(200, "GET", cms+"/a", "")
	w.must(200, "DELETE", cms+"/a", `{"preconditions":{"uid":"`+at(made, "metadata", "uid").(string)+`"}}`)
}

func TestNamespaceDeletion(t *testing.T) {
	w := newWorld(t)
	const ns = "/api/v1/namespaces"
	w.must(201, "POST", ns, `{"metadata":{"name":"x"}}`)
	gone := w.must(200, "DELETE", ns+"/x", "")
	w.want(at(gone, "status", "phase"), "Terminating", "phase")
	w.must(200, "PUT", ns+"/x/finalize", `{"metadata":{"name":"x"},"spec":{"finalizers":[]}}`)
	w.must(404, "GET", ns+"/x", "")
}

func TestDeleteCollection(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.must(201, "POST", cms, configMap(name, "1"))
	}
	gone := w.must(200, "DELETE", cms+"?labelSelector=app%20in%20(a,c)", "")
	w.want(at(gone, "kind"), "ConfigMapList", "kind")
	if n := len(gone["items"].([]any)); n != 2 {
		t.Errorf("%d were deleted, want 2", n)
	}
	w.must(200, "GET", cms+"/b", "")
	w.must(404, "GET", cms+"/a", "")
	w.must(405, "DELETE", "/api/v1/configmaps", "")
}

// TestDeletionAgain is what later deletions do to an object whose deletion began.
func TestDeletionAgain(t *testing.T) {
	const held, none = `{"metadata":{"name":"a","finalizers":["x.y/z"]}}`, `{"metadata":{"name":"a"}}`
	for name, c := range map[string]struct {
		path, body string
		deletions  []string // parameters
		finalizers []string // nil when the object is gone
	}{
		"Background lets go what Foreground held": {cms, none, []string{"propagationPolicy=Foreground", "propagationPolicy=Background"}, nil},
		"Foreground goes on by default":           {cms, none, []string{"propagationPolicy=Foreground", ""}, []string{metav1.FinalizerDeleteDependents}},
		"Orphan instead of Foreground":            {cms, none, []string{"propagationPolicy=Foreground", "propagationPolicy=Orphan"}, []string{metav1.FinalizerOrphanDependents}},
		"Foreground beside another finalizer":     {cms, held, []string{"", "propagationPolicy=Foreground"}, []string{"x.y/z", metav1.FinalizerDeleteDependents}},
		"a pod's grace keeps its finalizers":      {pods, none, []string{"gracePeriodSeconds=9", "propagationPolicy=Foreground"}, []string{}},
		"no grace is left":                        {pods, none, []string{"gracePeriodSeconds=9", "gracePeriodSeconds=0"}, nil},
	} {
		w := newWorld(t)
		w.must(201, "POST", c.path, c.body)
		for _, q := range c.deletions {
			w.must(200, "DELETE", c.path+"/a?"+q, "")
		}
		if c.finalizers == nil {
			w.must(404, "GET", c.path+"/a", "")
			continue
		}
		got, _ := at(w.must(200, "GET", c.path+"/a", ""), "metadata", "finalizers").([]any)
		w.want(len(got), len(c.finalizers), name)
		for i := range got {
			w.want(got[i], c.finalizers[i], name)
		}
	}
}

func TestDeletionAnswers(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", pods, `{"metadata":{"name":"a","generation":1}}`)
	gone := w.must(200, "DELETE", pods+"/a?gracePeriodSeconds=0", "")
	w.want(at(gone, "metadata", "deletionGracePeriodSeconds"), 0, "the grace of what is gone")
	if at(gone, "metadata", "deletionTimestamp") == nil {
		t.Error("what is gone does not tell when")
	}
	w.must(201, "POST", "/api/v1/namespaces", `{"metadata":{"name":"x"}}`)
	begun := w.must(200, "DELETE", "/api/v1/namespaces/x", "")
	w.want(at(begun, "metadata", "deletionGracePeriodSeconds"), nil, "a namespace has no grace")
	refused := w.must(409, "DELETE", "/api/v1/namespaces/x", `{"preconditions":{"uid":"other"}}`)
	if text, _ := refused["message"].(string); !strings.Contains(text, "Precondition failed: UID in precondition: other") {
		t.Errorf("precondition: %s", text)
	}
	w.must(201, "POST", cms, `{"metadata":{"name":"a","finalizers":["x.y/z"]}}`)
	list := w.must(200, "DELETE", cms, "")
	w.want(at(list["items"].([]any)[0], "metadata", "deletionTimestamp"), nil, "a collection is told as it was")
	for query, text := range map[string]string{
		"gracePeriodSeconds=": "strconv.ParseInt: parsing \"\": invalid syntax",
		"propagationPolicy=":  "propagationPolicy: Unsupported value: \"\"",
	} {
		rec := w.do("DELETE", cms+"/a?"+query, "")
		if !strings.Contains(rec.Body.String(), strings.ReplaceAll(text, `"`, `\"`)) {
			t.Errorf("%s: %s", query, rec.Body)
		}
	}
	bad := w.must(400, "DELETE", cms+"/a", `{"dryRun":"All"}`)
	w.want(bad["message"], "json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string", "a bad body")
}
