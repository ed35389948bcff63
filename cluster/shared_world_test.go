package cluster

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// hooks is a server of webhooks that change, allow and convert.
type hooks struct {
	*httptest.Server
	ca string
}

func newHooks(t testing.TB) *hooks {
	h := &hooks{}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review map[string]any
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
			return
		}
		request := review["request"].(map[string]any)
		delete(review, "request")
		review["response"] = map[string]func(map[string]any) map[string]any{
			"/change": change, "/allow": allow, "/convert": convert,
		}[r.URL.Path](request)
		review["response"].(map[string]any)["uid"] = request["uid"]
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(h.Close)
	h.ca = base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}))
	return h
}

func allow(map[string]any) map[string]any {
	return map[string]any{"allowed": true, "warnings": []string{"seen"}, "auditAnnotations": map[string]string{"seen": "yes"}}
}

// change adds a label to whatever has metadata.
func change(request map[string]any) map[string]any {
	answer := allow(request)
	obj, ok := request["object"].(map[string]any)
	if !ok {
		return answer
	}
	metadata, _ := obj["metadata"].(map[string]any)
	patch := `[{"op":"add","path":"/metadata/labels/hook","value":"yes"}]`
	if metadata["labels"] == nil {
		patch = `[{"op":"add","path":"/metadata/labels","value":{"hook":"yes"}}]`
	}
	answer["patchType"], answer["patch"] = "JSONPatch", []byte(patch)
	return answer
}

func convert(request map[string]any) map[string]any {
	objects := request["objects"].([]any)
	for _, obj := range objects {
		obj.(map[string]any)["apiVersion"] = request["desiredAPIVersion"]
	}
	return map[string]any{"convertedObjects": objects, "result": map[string]any{"status": "Success"}}
}

func (h *hooks) client(path string) string {
	return fmt.Sprintf(`{"url":%q,"caBundle":%q}`, h.URL+path, h.ca)
}

// matched are the resources that webhooks and policies look at.
const matched = `"apiGroups":["","apps","sale.example.com","policy","autoscaling","networking.k8s.io"],"apiVersions":["*"],"operations":["*"],"resources":["configmaps","pods","pods/*","services","secrets","deployments","deployments/*","sorts","beams","beams/*"]`

// spec is the schema of beams, which have all that a custom resource can have.
const beamSchema = `{"openAPIV3Schema":{"type":"object","properties":{
	"spec":{"type":"object","default":{"size":3},"x-kubernetes-validations":[{"rule":"!has(self.size) || self.size >= 0"},{"rule":"!has(oldSelf.kept) || self.kept == oldSelf.kept"}],"properties":{
		"size":{"type":"integer","default":3},"kept":{"type":"string"},"color":{"type":"string","default":"red"},
		"any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
		"names":{"type":"array","items":{"type":"string"}},
		"rows":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],"items":{"type":"object","required":["k"],"properties":{"k":{"type":"string"},"v":{"type":"string","default":"w"}}}}}},
	"status":{"type":"object","properties":{"size":{"type":"integer"},"selector":{"type":"string"}}}}}},
	"subresources":{"status":{},"scale":{"specReplicasPath":".spec.size","statusReplicasPath":".status.size","labelSelectorPath":".status.selector"}},
	"selectableFields":[{"jsonPath":".spec.color"}],
	"additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"},{"name":"Names","type":"string","jsonPath":".spec.names"}]`

// beams are converted by a webhook between versions v1, which is stored, and v2.
func (h *hooks) beams() string {
	return fmt.Sprintf(`{"metadata":{"name":"beams.sale.example.com"},"spec":{
		"group":"sale.example.com","scope":"Namespaced","names":{"plural":"beams","kind":"Beam"},
		"conversion":{"strategy":"Webhook","webhook":{"clientConfig":%s,"conversionReviewVersions":["v1"]}},
		"versions":[{"name":"v1","served":true,"storage":true,"schema":%s},{"name":"v2","served":true,"storage":false,"schema":%s}]}}`,
		h.client("/convert"), beamSchema, beamSchema)
}

// admission are the objects that have everything changed and checked on its way
// in, by the path where they are created.
func (h *hooks) admission() [][2]string {
	const group = "/apis/admissionregistration.k8s.io/v1/"
	hook := func(kind, path, more string) string {
		return fmt.Sprintf(`{"metadata":{"name":"all"},"webhooks":[{"name":"%s.example.com","clientConfig":%s,"sideEffects":"None","admissionReviewVersions":["v1"],
			"matchConditions":[{"name":"shop","expression":"request.namespace == 'shop'"}]%s,"rules":[{%s}]}]}`, kind, h.client(path), more, matched)
	}
	policy := func(rest string) string {
		return fmt.Sprintf(`{"metadata":{"name":"all"},"spec":{"matchConstraints":{"resourceRules":[{%s}]},"failurePolicy":"Fail",
			"paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"matchConditions":[{"name":"shop","expression":"request.namespace == 'shop'"}],%s}}`,
			strings.ReplaceAll(matched, `["*"],"resources"`, `["CREATE","UPDATE"],"resources"`), rest)
	}
	bound := func(rest string) string {
		return `{"metadata":{"name":"all"},"spec":{"policyName":"all","paramRef":{"name":"params","namespace":"shop","parameterNotFoundAction":"Deny"}` + rest + `}}`
	}
	return [][2]string{
		{"/api/v1/namespaces/shop/configmaps", `{"metadata":{"name":"params"},"data":{"color":"green"}}`},
		{"/api/v1/namespaces/shop/limitranges", `{"metadata":{"name":"all"},"spec":{"limits":[{"type":"Container","default":{"memory":"1Gi"},"defaultRequest":{"cpu":"10m"}}]}}`},
		{"/api/v1/namespaces/shop/resourcequotas", `{"metadata":{"name":"all"},"spec":{"hard":{"pods":"100","count/configmaps":"100","requests.cpu":"1000"}}}`},
		{"/apis/policy/v1/namespaces/shop/poddisruptionbudgets", `{"metadata":{"name":"all"},"spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"web"}}}}`},
		{group + "mutatingwebhookconfigurations", hook("change", "/change", `,"reinvocationPolicy":"IfNeeded"`)},
		{group + "validatingwebhookconfigurations", hook("allow", "/allow", "")},
		{group + "mutatingadmissionpolicies", policy(`"reinvocationPolicy":"IfNeeded","mutations":[
			{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{metadata: Object.metadata{annotations: {'color': params.data.color}}}"}},
			{"patchType":"JSONPatch","jsonPatch":{"expression":"[JSONPatch{op: 'add', path: '/metadata/annotations/shape', value: 'round'}]"}}]`)},
		{group + "mutatingadmissionpolicybindings", bound("")},
		{group + "validatingadmissionpolicies", policy(`"variables":[{"name":"labels","expression":"has(object.metadata.labels) ? object.metadata.labels : {}"}],
			"validations":[{"expression":"!('bad' in variables.labels)","messageExpression":"string(size(variables.labels))"}],
			"auditAnnotations":[{"key":"color","valueExpression":"string(params.data.color)"}]`)},
		{group + "validatingadmissionpolicybindings", bound(`,"validationActions":["Deny","Audit"]`)},
	}
}
