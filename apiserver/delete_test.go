package apiserver

import (
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
