package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/policy"
)

const mutatingKind = "MutatingAdmissionPolicy"

// apply is a mutation by ApplyConfiguration, patch one by JSONPatch.
func apply(expression string) string {
	return "  reinvocationPolicy: Never\n  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: '" + expression + "'}}]\n"
}

func patch(expression string) string {
	return "  reinvocationPolicy: Never\n  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '" + expression + "'}}]\n"
}

func TestMutating(t *testing.T) {
	for name, tt := range map[string]struct {
		spec, binding, objects string
		want                   string // part of the object, or of the error after "error: "
	}{
		"apply":         {spec: apply(`Object{spec: Object.spec{replicas: 2}}`), want: `"replicas":2`},
		"apply a label": {spec: apply(`Object{metadata: Object.metadata{labels: {"a": "b"}}}`), want: `"labels":{"a":"b","app":"web"}`},
		"apply to a container": {spec: apply(`Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c", env: [Object.spec.template.spec.containers.env{name: "A", value: "1"}]}]}}}}`),
			want: `"containers":[{"name":"c","image":"busybox","env":[{"name":"A","value":"1"}]`},
		"apply an atomic list": {spec: apply(`Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c", args: ["x"]}]}}}}`),
			want: `error: policy 'p' with binding 'p-b' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.template.spec.containers[0].args`},
		"apply the wrong type":   {spec: apply(`Object{spec: Object.spec{template: Object.spec.other{}}}`), want: `error: policy 'p' with binding 'p-b' denied request: type mismatch: unexpected type name "Object.spec.other", expected "Object.spec.template"`},
		"apply an unknown field": {spec: apply(`Object{spec: Object.spec{nothing: 1}}`), want: `error: policy 'p' with binding 'p-b' denied request: error applying patch: failed to convert patch object to typed object: .spec.nothing: field not declared in schema`},
		"patch":                  {spec: patch(`[JSONPatch{op: "replace", path: "/spec/replicas", value: object.spec.replicas + 1}]`), want: `"replicas":6`},
		"patch with an object":   {spec: patch(`[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "d", image: "e"}}]`), want: `{"name":"d","image":"e"`},
		"patch a label":          {spec: patch(`[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a.b/c"), value: "d"}]`), want: `"a.b/c":"d"`},
		"patch whose test fails": {spec: patch(`[JSONPatch{op: "test", path: "/spec/replicas", value: 7}, JSONPatch{op: "replace", path: "/spec/replicas", value: 8}]`), want: `"replicas":5`},
		"patch of nothing":       {spec: patch(`[JSONPatch{op: "remove", path: "/spec/nothing"}]`), want: `error: policy 'p' with binding 'p-b' denied request: JSON Patch: error in remove for path`},
		"error ignored":          {spec: "  failurePolicy: Ignore\n" + patch(`[JSONPatch{op: "remove", path: "/spec/nothing"}]`), want: `"replicas":5`},
		"condition":              {spec: "  matchConditions: [{name: c, expression: 'false'}]\n" + apply(`Object{spec: Object.spec{replicas: 2}}`), want: `"replicas":5`},
		"variables":              {spec: "  variables: [{name: half, expression: object.spec.replicas / 2}]\n" + apply(`Object{spec: Object.spec{replicas: variables.half}}`), want: `"replicas":2`},
		"params":                 {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n" + apply(`Object{spec: Object.spec{replicas: int(params.data.max)}}`), binding: ", paramRef: {name: limits, parameterNotFoundAction: Deny}", objects: configMap, want: `"replicas":3`},
		"evaluation fails":       {spec: apply(`Object{spec: Object.spec{replicas: object.nothing}}`), want: `error: policy 'p' with binding 'p-b' denied request: expression 'Object{spec: Object.spec{replicas: object.nothing}}' resulted in error: no such key: nothing`},
		"params are missing":     {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n" + apply(`Object{}`), binding: ", paramRef: {name: other, parameterNotFoundAction: Deny}", want: "error: policy 'p' with binding 'p-b' denied request: failed to configure binding: no params found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, head(mutatingKind, "p")+tt.spec, binding(mutatingKind, "p", tt.binding))
			if tt.objects != "" {
				w.put(t, tt.objects)
			}
			a, _ := w.write(t, web, nil)
			err := policy.NewMutating(w.config()).Admit(t.Context(), a)
			if want, failing := strings.CutPrefix(tt.want, "error: "); failing || err != nil {
				if err == nil || !failing || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				return
			}
			text, err := json.Marshal(a.Object)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), tt.want) {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}

// A policy runs again when a later one changed the object, if it says so.
func TestReinvocation(t *testing.T) {
	// The first notes how many replicas it saw, the second changes them.
	note := patch(`[JSONPatch{op: "add", path: "/metadata/labels/seen", value: string(object.spec.replicas)}]`)
	change := apply(`Object{spec: Object.spec{replicas: 9}}`)
	for policyName, want := range map[string]string{"Never": "5", "IfNeeded": "9"} {
		t.Run(policyName, func(t *testing.T) {
			w := newWorld(t,
				head(mutatingKind, "a")+strings.Replace(note, "Never", policyName, 1), binding(mutatingKind, "a", ""),
				head(mutatingKind, "b")+change, binding(mutatingKind, "b", ""))
			a, _ := w.write(t, web, nil)
			if err := (admission.Repeated{policy.NewMutating(w.config())}).Admit(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if got := a.Object.GetLabels()["seen"]; got != want {
				t.Errorf("the label says %s, want %s", got, want)
			}
			if r := *a.Object.(*appsv1.Deployment).Spec.Replicas; r != 9 {
				t.Errorf("there are %d replicas", r)
			}
		})
	}
}

// What another plug-in changes in the second round lets a policy run again.
func TestReinvocationAfterOthers(t *testing.T) {
	note := strings.Replace(patch(`[JSONPatch{op: "add", path: "/metadata/labels/seen", value: string(object.spec.replicas)}]`), "Never", "IfNeeded", 1)
	w := newWorld(t, head(mutatingKind, "a")+note, binding(mutatingKind, "a", ""))
	a, _ := w.write(t, web, nil)
	plugin := policy.NewMutating(w.config())
	for _, replicas := range []int32{5, 7} {
		*a.Object.(*appsv1.Deployment).Spec.Replicas = replicas
		if err := plugin.Admit(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		a.Round++
	}
	if got := a.Object.GetLabels()["seen"]; got != "7" {
		t.Errorf("the label says %s", got)
	}
}

// Deletions have nothing to mutate.
func TestMutatingLeavesDeletionsAlone(t *testing.T) {
	w := newWorld(t, head(mutatingKind, "p")+apply(`Object{spec: Object.spec{replicas: 2}}`), binding(mutatingKind, "p", ""))
	a, _ := w.write(t, web, nil)
	a.Operation, a.Object, a.Old = admission.Delete, api.Object(nil), a.Object
	if err := policy.NewMutating(w.config()).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

// A Scale has no merge schema of its own.
func TestMutatingScale(t *testing.T) {
	w := newWorld(t, strings.Replace(head(mutatingKind, "p"), "[deployments]", "[deployments/scale]", 1)+apply(`Object{spec: Object.spec{replicas: 2}}`), binding(mutatingKind, "p", ""))
	a, _ := w.write(t, web, nil)
	a.Operation, a.Subresource = admission.Update, "scale"
	a.Version.Kind = autoscalingv1.SchemeGroupVersion.WithKind("Scale")
	a.Object = &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
	if err := policy.NewMutating(w.config()).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got := a.Object.(*autoscalingv1.Scale).Spec.Replicas; got != 2 {
		t.Errorf("there are %d replicas", got)
	}
}
