package admissionregistration_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"minke/api"
)

// decoded returns a defaulted object.
func decoded(t *testing.T, r *api.Resource, manifest string) api.Object {
	t.Helper()
	obj := r.New()
	if err := yaml.UnmarshalStrict([]byte(manifest), obj); err != nil {
		t.Fatal(err)
	}
	r.Default(obj)
	return obj
}

func listed(errs []error) string {
	var out []string
	for _, e := range errs {
		out = append(out, e.Error())
	}
	return strings.Join(out, "\n")
}

// TestLenience: what was stored by an older release may be changed without
// putting right what was allowed then.
func TestLenience(t *testing.T) {
	hooks := func(list ...string) string {
		return "metadata: {name: w}\nwebhooks: [" + strings.Join(list, ", ") + "]"
	}
	hook := func(name, rest string) string {
		return "{name: " + name + ", clientConfig: {url: 'https://a.example'}, " + rest + "}"
	}
	const fine = "sideEffects: None, admissionReviewVersions: [v1]"
	for name, c := range map[string]struct{ before, after, want string }{
		"side effects kept":    {hooks(hook("a.b.c", "sideEffects: Some, admissionReviewVersions: [v1]")), hooks(hook("a.b.c", "sideEffects: Unknown, admissionReviewVersions: [v1]")), ""},
		"side effects wrong":   {hooks(hook("a.b.c", "sideEffects: Some, admissionReviewVersions: [v1]")), hooks(hook("a.b.c", "sideEffects: Few, admissionReviewVersions: [v1]")), `webhooks[0].sideEffects: Unsupported value: "Few": supported values: "None", "NoneOnDryRun", "Some", "Unknown"`},
		"side effects missing": {hooks(hook("a.b.c", "admissionReviewVersions: [v1]")), hooks(hook("a.b.c", "admissionReviewVersions: [v1]")), "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun, Some, Unknown"},
		"side effects new":     {hooks(hook("a.b.c", fine)), hooks(hook("a.b.c", "sideEffects: Some, admissionReviewVersions: [v1]")), `webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"`},
		"versions kept":        {hooks(hook("a.b.c", "sideEffects: None, admissionReviewVersions: [v2]")), hooks(hook("a.b.c", "sideEffects: None, admissionReviewVersions: [v3]")), ""},
		"versions new":         {hooks(hook("a.b.c", fine)), hooks(hook("a.b.c", "sideEffects: None, admissionReviewVersions: [v3]")), "webhooks[0].admissionReviewVersions: Invalid value"},
		"names kept":           {hooks(hook("a.b.c", fine), hook("a.b.c", fine)), hooks(hook("x.b.c", fine), hook("x.b.c", fine)), ""},
		"names new":            {hooks(hook("a.b.c", fine)), hooks(hook("x.b.c", fine), hook("x.b.c", fine)), `webhooks[1].name: Duplicate value: "x.b.c"`},
		"selectors kept":       {hooks(hook("a.b.c", fine+", objectSelector: {matchLabels: {a: '-'}}")), hooks(hook("a.b.c", fine+", objectSelector: {matchExpressions: [{key: a, operator: In, values: ['-']}]}")), ""},
		"selectors new":        {hooks(hook("a.b.c", fine)), hooks(hook("a.b.c", fine+", objectSelector: {matchExpressions: [{key: a, operator: In, values: ['-']}]}")), "webhooks[0].objectSelector.matchExpressions[0].values[0]: Invalid value"},
	} {
		for _, kind := range []string{"validating", "mutating"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				r := resource(t, kind+"webhookconfigurations")
				var errs []error
				for _, e := range r.ValidateUpdate(decoded(t, r, c.after), decoded(t, r, c.before)) {
					errs = append(errs, e)
				}
				expect(t, listed(errs), c.want)
			})
		}
	}
}

// TestStaticNames: names of what comes from files are taken, for new objects.
func TestStaticNames(t *testing.T) {
	const want = `metadata.name: Invalid value: "a.static.k8s.io": names ending with ".static.k8s.io" are reserved`
	for _, plural := range []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies",
		"mutatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicybindings"} {
		r := resource(t, plural)
		obj := decoded(t, r, "metadata: {name: a.static.k8s.io}")
		if got := r.Validate(obj).ToAggregate(); got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("%s: %v", plural, got)
		}
		if got := r.ValidateUpdate(obj, obj).ToAggregate(); got != nil && strings.Contains(got.Error(), "static") {
			t.Errorf("%s: an update: %v", plural, got)
		}
	}
}

func TestWarnings(t *testing.T) {
	for rule, want := range map[string]string{
		"{apiGroups: [authentication.k8s.io, authentication.k8s.io], apiVersions: [v1], resources: [tokenreviews, pods]}": "webhooks[0].rules[0]: tokenreviews.authentication.k8s.io is excluded from admission webhooks; this rule will have no effect",
		"{apiGroups: [authentication.k8s.io], apiVersions: [v1], resources: ['*']}":                                       "",
		"{apiGroups: [''], apiVersions: [v1], resources: [pods]}":                                                         "",
	} {
		for _, kind := range []string{"validating", "mutating"} {
			r := resource(t, kind+"webhookconfigurations")
			obj := decoded(t, r, "metadata: {name: w}\nwebhooks: [{name: a.b.c, clientConfig: {}, rules: ["+rule+"]}]")
			if got := strings.Join(r.Warnings(obj, nil), "\n"); got != want {
				t.Errorf("%s %s: %q", kind, rule, got)
			}
		}
	}
}

func TestPolicyStatus(t *testing.T) {
	r := resource(t, "validatingadmissionpolicies")
	for status, want := range map[string]string{
		"{typeChecking: {expressionWarnings: [{fieldRef: 'spec.validations[0].expression', warning: w}]}}": "",
		"{typeChecking: {expressionWarnings: [{}, {fieldRef: 'a[', warning: w}]}}": "status.typeChecking.expressionWarnings[0].warning: Required value\n" +
			"status.typeChecking.expressionWarnings[0].fieldRef: Required value\n" +
			`status.typeChecking.expressionWarnings[1].fieldRef: Invalid value: "a[": invalid JSONPath`,
		"{conditions: [{type: A, status: X}]}": `status.conditions[0].status: Unsupported value: "X"`,
	} {
		obj := decoded(t, r, "metadata: {name: p}\nstatus: "+status)
		var errs []error
		for _, e := range r.Subresources["status"].ValidateUpdate(obj, obj) {
			errs = append(errs, e)
		}
		expect(t, listed(errs), want)
	}
}
