//go:build conformance

package conformance

import (
	"fmt"
	"strings"
)

// policy is an admission policy on the Deployments of the row's namespace, with
// its binding. spec is the policy's, by lines.
func (t *T) policy(kind, spec, bound string) {
	t.Helper()
	rules := `resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]`
	t.create(fmt.Sprintf(`{apiVersion: admissionregistration.k8s.io/v1, kind: %[1]s, metadata: {name: %[2]s}, spec: {matchConstraints: {%[3]s}, %[4]s}}
---
{apiVersion: admissionregistration.k8s.io/v1, kind: %[1]sBinding, metadata: {name: %[2]s}, spec: {policyName: %[2]s, matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[2]s}}}%[5]s}}`,
		kind, t.ns, rules, spec, bound))
}

// idle is a Deployment whose pods nobody waits for.
func idle(name string, replicas int, labels string) string {
	return fmt.Sprintf(`{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, labels: {%[3]s}}, spec: {replicas: %[2]d, selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {nodeSelector: {none: such}, containers: [{name: a, image: %[4]s}]}}}}`,
		name, replicas, labels, image)
}

// denied wants the creation of a manifest to be refused.
func (t *T) denied(manifest string, code int, parts ...string) {
	t.Helper()
	o := parse(manifest)
	where := placesByKind[o.str("apiVersion")+"/"+o.str("kind")]
	a := t.do(request{Method: "POST", Path: where.collection(t.ns), Body: o})
	t.equal("code", a.Code, code)
	t.contains("the refusal", a.text(), parts...)
}

func init() {
	add(map[string]func(*T){
		"API064": func(t *T) {
			t.policy("MutatingAdmissionPolicy", `matchConditions: [{name: chosen, expression: "object.metadata.name != 'other'"}], reinvocationPolicy: Never, mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{spec: Object.spec{replicas: object.spec.replicas + 2}}"}}]`, "")
			t.equal("replicas", t.create(idle("main", 1, "")).num("spec.replicas"), 3)
			t.equal("replicas of the other", t.create(idle("other", 1, "")).num("spec.replicas"), 1)
		},
		"API065": func(t *T) {
			t.policy("MutatingAdmissionPolicy", `matchConditions: [{name: chosen, expression: "object.metadata.name != 'other'"}], reinvocationPolicy: IfNeeded, mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'first': 'yes'}}, JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('a/b'), value: string(object.spec.replicas)}]"}}, {patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{metadata: Object.metadata{annotations: {'applied': object.metadata.annotations['a/b']}}}"}}]`, "")
			o := t.create(idle("main", 2, ""))
			for key, value := range map[string]string{"first": "yes", "a/b": "2", "applied": "2"} {
				t.equal(key, o.at("metadata.annotations").(map[string]any)[key], value)
			}
			t.equal("annotations of the other", t.create(idle("other", 2, "")).str("metadata.annotations"), "")
		},
		"API090": func(t *T) {
			t.policy("ValidatingAdmissionPolicy", `variables: [{name: replicas, expression: object.spec.replicas}, {name: isEven, expression: variables.replicas % 2 == 0}], validations: [{expression: variables.replicas > 1, message: too few}, {expression: variables.isEven, messageExpression: "'odd: ' + string(variables.replicas)"}]`, ", validationActions: [Deny]")
			t.create(idle("main", 2, ""))
			t.denied(idle("one", 1, ""), 422, "ValidatingAdmissionPolicy '"+t.ns+"' with binding '"+t.ns+"' denied request: too few")
			t.denied(idle("three", 3, ""), 422, "denied request: odd: 3")
		},
		"API093": func(t *T) {
			t.policy("ValidatingAdmissionPolicy", `validations: [{expression: object.spec.replicas > 1, reason: Forbidden}, {expression: "!has(object.metadata.labels) || !('bad' in object.metadata.labels)"}]`, ", validationActions: [Deny]")
			t.create(idle("main", 2, ""))
			t.denied(idle("one", 1, ""), 403, `deployments.apps "one" is forbidden`, "failed expression: object.spec.replicas > 1")
			t.denied(idle("bad", 2, "bad: 'yes'"), 422, "failed expression")
			a := t.do(request{Method: "PATCH", Path: t.path("deployments/main"), Type: mergePatch, Body: `{"spec":{"replicas":1}}`})
			t.equal("code of the update", a.Code, 403)
			t.checked()
		},
	})
}

// checked wants a policy whose expressions do not fit the type that it matches
// to say so in its status.
func (t *T) checked() {
	t.Helper()
	name := t.ns + "-types"
	t.create(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: ` + name + `}, spec: {matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}, validations: [{expression: "object.spec.replicas > '1'"}, {expression: object.spec.replicas > 1}]}}`)
	o := t.wait("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/"+name, "the types are checked", func(o object) error {
		return want("observedGeneration", o.num("status.observedGeneration"), 1)
	})
	warnings := o.list("status.typeChecking.expressionWarnings")
	t.equal("warnings", len(warnings), 1)
	t.equal("fieldRef", warnings[0].str("fieldRef"), "spec.validations[0].expression")
	t.equal("the warning is about Deployments", strings.Contains(warnings[0].str("warning"), "apps/v1, Kind=Deployment: "), true)
}
