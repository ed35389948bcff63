package catalog

import "testing"

// defined is a definition of a resource with this schema, and more of its own.
func defined(schema, more string) string {
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.example.com}\nspec: {group: example.com, scope: Cluster, names: {plural: as, singular: a, kind: A, listKind: AList}, " +
		more + "versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: " + schema + "}}]}"
}

func TestExtensionRules(t *testing.T) {
	const at = "spec.validation.openAPIV3Schema"
	hook := func(more string) string {
		return "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: m}\nwebhooks: [{name: a.b.c, sideEffects: None, clientConfig: {url: 'https://a.b'}, " + more + "}]"
	}
	rules(t, "", map[string]rule{
		"definition": {"", defined("{type: object}", ""), nil},
		"reference": {"", defined("{type: object, properties: {a: {$ref: '#/b'}}}", ""),
			[]string{at + `.properties[a].$ref: Forbidden: $ref is not supported`}},
		"unknown type": {"", defined("{type: object, properties: {a: {type: text}}}", ""),
			[]string{at + `.properties[a].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`}},
		"unique items": {"", defined("{type: object, properties: {a: {type: array, uniqueItems: true, items: {type: string}}}}", ""),
			[]string{at + `.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`}},
		"keys of no map": {"", defined("{type: object, properties: {a: {type: array, x-kubernetes-list-map-keys: [b], items: {type: object, properties: {b: {type: string}}}}}}", ""),
			[]string{at + `.properties[a].x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty`}},
		"map without keys": {"", defined("{type: object, properties: {a: {type: array, x-kubernetes-list-type: map, items: {type: string}}}}", ""),
			[]string{at + `.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`, at + `.properties[a].items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map`}},
		"set of objects": {"", defined("{type: object, properties: {a: {type: array, x-kubernetes-list-type: set, items: {type: object}}}}", ""),
			[]string{at + `.properties[a].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`}},
		"map that is none": {"", defined("{type: object, properties: {a: {type: string, x-kubernetes-map-type: flat}}}", ""),
			[]string{at + `.properties[a].type: Invalid value: "string": must be object if x-kubernetes-map-type is specified`, at + `.properties[a].x-kubernetes-map-type: Unsupported value: "flat": supported values: "atomic", "granular"`}},
		"reviews without a webhook": {"", defined("{type: object}", "conversion: {strategy: None, webhook: {conversionReviewVersions: [v1]}}, "),
			[]string{`spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook`}},
		"webhook of nothing": {"", defined("{type: object}", "conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v2, v2]}}, "),
			[]string{`spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook`, `spec.conversion.conversionReviewVersions[1]: Invalid value: "v2": duplicate version`,
				`spec.conversion.conversionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`}},
		"webhook's policies": {"", hook("admissionReviewVersions: [v1], failurePolicy: X, matchPolicy: X, reinvocationPolicy: X"),
			[]string{`webhooks[0].failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore"`, `webhooks[0].matchPolicy: Unsupported value: "X": supported values: "Equivalent", "Exact"`,
				`webhooks[0].reinvocationPolicy: Unsupported value: "X": supported values: "IfNeeded", "Never"`}},
		"webhook's reviews": {"", hook("admissionReviewVersions: [v1, v1]"), []string{`webhooks[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version`}},
	})
}
