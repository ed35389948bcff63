package customresource

import (
	"encoding/base64"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func conditionOf(crd *definition, kind apiextensionsv1.CustomResourceDefinitionConditionType) condition {
	for _, c := range crd.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return condition{}
}

// What the community's groups are called needs its approval; what was asked for
// is told by a condition that follows the annotation.
func TestApproval(t *testing.T) {
	w := newWorld(t)
	const key = apiextensionsv1.KubeAPIApprovedAnnotation
	of := func(approval string) string {
		text := strings.ReplaceAll(crd(widgetV1), "example.com", "example.k8s.io")
		return strings.Replace(text, `"metadata":{`, `"metadata":{"annotations":{"`+key+`":"`+approval+`"},`, 1)
	}
	w.must(422, "POST", crds, of(""))
	w.must(422, "POST", crds, of("later"))
	w.must(201, "POST", crds, of("https://example.com/approved"))
	for _, step := range []struct{ approval, reason string }{
		{"https://example.com/approved", "ApprovedAnnotation"},
		{"unapproved, experimental", "UnapprovedAnnotation"},
		{"https://example.com/again", "ApprovedAnnotation"},
	} {
		w.must(200, "PATCH", crds+"/widgets.example.k8s.io", `{"metadata":{"annotations":{"`+key+`":"`+step.approval+`"}}}`, "Content-Type", "application/merge-patch+json")
		w.await("widgets.example.k8s.io", func(crd *definition) bool {
			c := conditionOf(crd, apiextensionsv1.KubernetesAPIApprovalPolicyConformant)
			return c.Reason == step.reason && (c.Status == apiextensionsv1.ConditionTrue) == (step.reason == "ApprovedAnnotation") && strings.Contains(c.Message, step.approval)
		})
	}
	w.define(crd(widgetV1))
	w.await("widgets.example.com", func(crd *definition) bool {
		return conditionOf(crd, apiextensionsv1.KubernetesAPIApprovalPolicyConformant).Type == ""
	})
}

// A placeholder for the authorities of a conversion webhook is taken, and is in
// the way until somebody fills it in. Then there is no way back.
func TestPlaceholderAuthorities(t *testing.T) {
	w := newWorld(t)
	conversion := func(bundle string) string {
		return `"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://127.0.0.1:1/","caBundle":"` + bundle + `"}}}`
	}
	w.must(201, "POST", crds, strings.Replace(crd(widgetV1), `"spec":{`, `"spec":{`+conversion("Cg==")+`,`, 1))
	w.await("widgets.example.com", func(crd *definition) bool {
		return conditionOf(crd, apiextensionsv1.Established).Reason == "InvalidCABundle"
	})
	w.must(404, "GET", widgets, "")
	patch := func(code int, bundle string) {
		t.Helper()
		w.must(code, "PATCH", crds+"/widgets.example.com", `{"spec":{`+conversion(bundle)+`}}`, "Content-Type", "application/merge-patch+json")
	}
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	patch(200, base64.StdEncoding.EncodeToString(ca))
	w.await("widgets.example.com", established)
	w.must(200, "GET", widgets, "")
	patch(422, "Cg==")
}
