package admissionregistration_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"minke/api"
	"minke/api/admissionregistration"
)

// resource finds one of the group's resources.
func resource(t *testing.T, plural string) *api.Resource {
	for _, r := range admissionregistration.Resources() {
		if r.Plural == plural {
			return r
		}
	}
	t.Fatalf("there is no resource %s", plural)
	return nil
}

// complaints decodes, defaults and validates a manifest.
func complaints(t *testing.T, plural, manifest string) string {
	t.Helper()
	r := resource(t, plural)
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(manifest), obj); err != nil {
		t.Fatal(err)
	}
	r.Default(obj)
	var out []string
	for _, e := range r.Validate(obj) {
		out = append(out, e.Error())
	}
	return strings.Join(out, "\n")
}

const policyHead = `
metadata: {name: p.example.com}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
`

func TestValidatePolicy(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"complete": {`
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConditions: [{name: a, expression: 'params.data.x == "1" && request.userInfo.username != ""'}]
  variables: [{name: count, expression: object.spec.replicas}, {name: m, expression: variables.count + 1}]
  validations: [{expression: variables.m < 5, messageExpression: '"too many: " + string(variables.m)', reason: Forbidden}]
  auditAnnotations: [{key: k, valueExpression: string(variables.count)}]
`, ""},
		"nothing to do": {"", "spec.validations: Required value: validations or auditAnnotations must contain at least one item\nspec.auditAnnotations: Required value"},
		"syntax": {`
  validations: [{expression: object.}]
`, `spec.validations[0].expression: Invalid value: "object.": compilation failed: ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'`},
		"not a bool": {`
  validations: [{expression: '"x"'}]
`, `spec.validations[0].expression: Invalid value: "\"x\"": must evaluate to bool but got string`},
		"message is no string": {`
  validations: [{expression: 'true', messageExpression: '1'}]
`, `spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int`},
		"unknown variable": {`
  variables: [{name: count, expression: '1'}]
  validations: [{expression: variables.other == 1}]
`, `undefined field 'other'`},
		"later variable": {`
  variables: [{name: count, expression: variables.m}, {name: m, expression: '1'}]
  validations: [{expression: variables.m == 1}]
`, `spec.variables[0].expression: Invalid value: "variables.m": compilation failed: ERROR: <input>:1:10: undefined field 'm'`},
		"type of a variable": {`
  variables: [{name: count, expression: '1'}]
  validations: [{expression: variables.count == "a"}]
`, `found no matching overload for '_==_' applied to '(int, string)'`},
		"condition with a variable": {`
  variables: [{name: count, expression: '1'}]
  matchConditions: [{name: a, expression: variables.count == 1}]
  validations: [{expression: 'true'}]
`, `spec.matchConditions[0].expression: Invalid value: "variables.count == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables' (in container '')`},
		"params without kind": {`
  validations: [{expression: params == null}]
`, `undeclared reference to 'params'`},
		"name of a variable": {`
  variables: [{name: a-b, expression: '1'}]
  validations: [{expression: 'true'}]
`, `spec.variables[0].name: Invalid value: "a-b": must be a valid CEL identifier`},
		"variables where there are none": {`
  validations: [{expression: variables.other == 1}]
  auditAnnotations: [{key: k, valueExpression: variables.other}]
`, `spec.validations[0].expression: Invalid value: "variables.other == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'variables'`},
		"unauthorized": {`
  validations: [{expression: 'true', reason: Unauthorized}]
`, `spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"`},
		"message": {`
  validations: [{expression: 'true', message: "a\nb", reason: Teapot}]
`, "spec.validations[0].message: Invalid value: \"a\\nb\": must not contain line breaks\nspec.validations[0].reason: Unsupported value: \"Teapot\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\""},
		"annotation": {`
  auditAnnotations: [{key: k, valueExpression: '1'}, {key: k, valueExpression: 'null'}]
`, "must evaluate to one of [string null_type] but got int\nspec.auditAnnotations[1].key: Duplicate value: \"k\""},
		"param kind": {`
  paramKind: {apiVersion: a/b/c, kind: 1x}
  validations: [{expression: 'true'}]
`, `spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, complaints(t, "validatingadmissionpolicies", policyHead+tt.spec), tt.want)
		})
	}
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValidateMutatingPolicy(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"apply": {`
  reinvocationPolicy: Never
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{spec: Object.spec{replicas: 3}}'}}]
`, ""},
		"patch": {`
  reinvocationPolicy: IfNeeded
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("a/b"), value: "c"}]'}}]
`, ""},
		"nothing": {"", "spec.mutations: Required value: mutations must contain at least one item\nspec.reinvocationPolicy: Required value"},
		"wrong type": {`
  reinvocationPolicy: Never
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object.spec{replicas: 3}'}}]
`, "must evaluate to Object but got Object.spec"},
		"wrong member": {`
  reinvocationPolicy: Never
  mutations: [{patchType: JSONPatch, applyConfiguration: {expression: 'Object{}'}}]
`, "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch\nspec.mutations[0].applyConfiguration: Invalid value: \"{applyConfiguration}\": must not be specified when patchType is JSONPatch"},
		"delete": {`
  reinvocationPolicy: Never
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{}'}}]
`, `spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"`},
	} {
		t.Run(name, func(t *testing.T) {
			head := policyHead
			if name == "delete" {
				head = strings.Replace(head, "UPDATE", "DELETE", 1)
			}
			expect(t, complaints(t, "mutatingadmissionpolicies", head+tt.spec), tt.want)
		})
	}
}

func TestValidateBinding(t *testing.T) {
	for name, tt := range map[string]struct{ spec, want string }{
		"complete":   {`{policyName: p, validationActions: [Deny, Audit], paramRef: {name: a, parameterNotFoundAction: Deny}}`, ""},
		"no actions": {`{policyName: p}`, "spec.validationActions: Required value"},
		"deny and warn": {`{policyName: p, validationActions: [Deny, Warn, Warn]}`,
			"spec.validationActions[2]: Duplicate value: \"Warn\"\nspec.validationActions: Invalid value: [\"Deny\",\"Warn\",\"Warn\"]: must not contain both Deny and Warn"},
		"both": {`{policyName: p, validationActions: [Deny], paramRef: {name: a, selector: {}, parameterNotFoundAction: Deny}}`,
			"spec.paramRef.name: Forbidden: name and selector are mutually exclusive"},
		"neither": {`{policyName: p, validationActions: [Deny], paramRef: {}}`,
			"spec.paramRef: Required value: one of name or selector must be specified\nspec.paramRef.parameterNotFoundAction: Required value"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, complaints(t, "validatingadmissionpolicybindings", "metadata: {name: b}\nspec: "+tt.spec), tt.want)
		})
	}
}

// API022, API023
func TestValidateMatchConditionsOfWebhooks(t *testing.T) {
	const head = `
metadata: {name: w}
webhooks:
- name: w.example.com
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {url: https://example.com}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"]}]
  matchConditions: `
	for name, tt := range map[string]struct{ conditions, want string }{
		"fine":           {`[{name: a, expression: 'object.metadata.name != "x"'}]`, ""},
		"does not parse": {`[{name: a, expression: '... [] bad expression'}]`, `webhooks[0].matchConditions[0].expression: Invalid value: "... [] bad expression": compilation failed: ERROR: <input>:1:2: Syntax error`},
		"not a bool":     {`[{name: a, expression: '1'}]`, "must evaluate to bool but got int"},
		"params":         {`[{name: a, expression: 'params.x'}]`, "undeclared reference to 'params'"},
		"names":          {`[{name: '', expression: ''}, {name: a b, expression: 'true'}, {name: a b, expression: 'true'}]`, "webhooks[0].matchConditions[0].expression: Required value\nwebhooks[0].matchConditions[0].name: Required value"},
		"too many":       {"[" + strings.Repeat("{name: a, expression: 'true'},", 65) + "]", "webhooks[0].matchConditions: Too many: 65: must have at most 64 items"},
	} {
		for _, kind := range []string{"validating", "mutating"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				expect(t, complaints(t, kind+"webhookconfigurations", head+tt.conditions), tt.want)
			})
		}
	}
}

func TestValidateRules(t *testing.T) {
	for resources, want := range map[string]string{
		`[pods, pods/log]`:               "",
		`["*"]`:                          "",
		`["*", pods/log]`:                "",
		`[""]`:                           "resources[0]: Required value",
		`["*", pods]`:                    "if '*' is present, must not specify other resources without subresources",
		`[pods, "*"]`:                    "",
		`["*/*", pods]`:                  "if '*/*' is present, must not specify other resources",
		`[pods/*, pods/log]`:             "if 'pods/*' is present, must not specify pods/log",
		`["*/scale", deployments/scale]`: "if '*/scale' is present, must not specify deployments/scale",
	} {
		manifest := strings.Replace(policyHead, "[deployments]", resources, 1) + "  validations: [{expression: 'true'}]\n"
		expect(t, complaints(t, "validatingadmissionpolicies", manifest), want)
	}
}
