package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/admission/policy"
)

const (
	validatingKind = "ValidatingAdmissionPolicy"
	configMap      = `
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: shop, labels: {limit: "yes"}}
data: {max: "3"}
`
)

func TestValidating(t *testing.T) {
	loop := `[` + strings.Repeat("1,", 1000) + `1]`
	for name, tt := range map[string]struct {
		spec, binding string // of the policy; of the binding, after the policy's name
		objects       string
		want          string // "" when the write may happen
		code          int32
		reason        metav1.StatusReason
		warning       string
		annotation    string
	}{
		"holds":   {spec: `  validations: [{expression: object.spec.replicas <= 5}]`},
		"refuses": {spec: `  validations: [{expression: object.spec.replicas < 5}]`, want: "ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: failed expression: object.spec.replicas < 5", code: 422, reason: "Invalid"},
		"message": {spec: `  validations: [{expression: 'false', message: " too many ", reason: Forbidden}]`, want: "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: too many", code: 403, reason: "Forbidden"},
		"message expression": {spec: `  validations: [{expression: 'false', message: nope, messageExpression: '"have " + string(object.spec.replicas)', reason: RequestEntityTooLarge}]`,
			want: "denied request: have 5", code: 413, reason: "RequestEntityTooLarge"},
		"message of two lines": {spec: `  validations: [{expression: 'false', message: nope, messageExpression: '"a\nb"'}]`, want: "denied request: nope", code: 422, reason: "Invalid"},
		"message fails":        {spec: `  validations: [{expression: 'false', messageExpression: string(object.nothing)}]`, want: "denied request: failed expression: false", code: 422, reason: "Invalid"},
		"error":                {spec: `  validations: [{expression: object.nothing == 1}]`, want: "denied request: expression 'object.nothing == 1' resulted in error: no such key: nothing", code: 422, reason: "Invalid"},
		"error ignored":        {spec: "  failurePolicy: Ignore\n  validations: [{expression: object.nothing == 1}]"},
		"first of two":         {spec: `  validations: [{expression: 'true'}, {expression: 1 == 2}, {expression: 1 == 3}]`, want: "failed expression: 1 == 2", code: 422, reason: "Invalid"},
		"variables": {spec: "  variables: [{name: count, expression: object.spec.replicas}, {name: more, expression: variables.count + 1}]\n  validations: [{expression: variables.more == 6 && variables.more != variables.count}, {expression: variables.more < 6, messageExpression: '\"got \" + string(variables.more)'}]",
			want: "denied request: got 6", code: 422, reason: "Invalid"},
		"unused variable fails": {spec: "  variables: [{name: bad, expression: object.nothing}]\n  validations: [{expression: 'true'}]"},
		"variable fails": {spec: "  variables: [{name: bad, expression: object.nothing}]\n  validations: [{expression: variables.bad == 1}]",
			want: "composited variable \"bad\" fails to evaluate: no such key: nothing", code: 422, reason: "Invalid"},
		"condition":        {spec: "  matchConditions: [{name: c, expression: object.metadata.name == 'other'}]\n  validations: [{expression: 'false'}]"},
		"condition fails":  {spec: "  matchConditions: [{name: c, expression: object.nothing == 1}]\n  validations: [{expression: 'true'}]", want: "denied request: expression 'object.nothing == 1' resulted in error", code: 422, reason: "Invalid"},
		"condition ignore": {spec: "  failurePolicy: Ignore\n  matchConditions: [{name: c, expression: object.nothing == 1}]\n  validations: [{expression: 'false'}]"},
		"namespace":        {spec: `  validations: [{expression: namespaceObject.metadata.labels.env != "prod", message: prod}]`, want: "denied request: prod", code: 422, reason: "Invalid"},
		"authorizer":       {spec: `  validations: [{expression: '!authorizer.requestResource.check("custom").allowed()', message: allowed}]`, want: "denied request: allowed", code: 422, reason: "Invalid"},
		"binding for others": {spec: `  validations: [{expression: 'false'}]`,
			binding: `, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {env: test}}}`},
		"warn":  {spec: `  validations: [{expression: 'false', message: hm}]`, binding: `, validationActions: [Warn]`, warning: "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': hm"},
		"audit": {spec: `  validations: [{expression: 'true'}, {expression: 'false', message: hm}]`, binding: `, validationActions: [Audit]`, annotation: `validation.policy.admission.k8s.io/validation_failure=[{"message":"hm","policy":"p","binding":"p-b","expressionIndex":1,"validationActions":["Audit"]}]`},
		"annotation": {spec: `  auditAnnotations: [{key: none, valueExpression: 'null'}, {key: blank, valueExpression: '" "'}, {key: count, valueExpression: 'string(object.spec.replicas)'}]`,
			annotation: "p/count=5"},
		"annotation fails": {spec: `  auditAnnotations: [{key: k, valueExpression: string(object.nothing)}]`, want: "expression 'string(object.nothing)' resulted in error: no such key: nothing", code: 422, reason: "Invalid"},
		"too costly": {spec: `  validations: [{expression: '` + loop + `.all(x, ` + loop + `.all(y, x == y))'}]`,
			want: "operation cancelled: actual cost limit exceeded", code: 422, reason: "Invalid"},
		"params": {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'object.spec.replicas <= int(params.data.max)', messageExpression: '\"max \" + params.data.max + \" by \" + params.kind'}]",
			binding: ", validationActions: [Deny], paramRef: {name: limits, parameterNotFoundAction: Deny}", objects: configMap, want: "denied request: max 3 by ConfigMap", code: 422, reason: "Invalid"},
		"params by selector": {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: object.spec.replicas <= int(params.data.max), message: max}]",
			binding: ", validationActions: [Deny], paramRef: {selector: {matchLabels: {limit: 'yes'}}, parameterNotFoundAction: Deny}", objects: configMap, want: "denied request: max", code: 422, reason: "Invalid"},
		"params missing": {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'true'}]",
			binding: ", validationActions: [Deny], paramRef: {name: other, parameterNotFoundAction: Deny}", want: "denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction", code: 422, reason: "Invalid"},
		"params allowed to be missing": {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'false'}]",
			binding: ", validationActions: [Deny], paramRef: {name: other, parameterNotFoundAction: Allow}"},
		"params not referred to": {spec: "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: params == null}]"},
		"params of a cluster kind": {spec: "  paramKind: {apiVersion: v1, kind: Namespace}\n  validations: [{expression: params.metadata.labels.env == 'test', message: cluster}]",
			binding: ", validationActions: [Deny], paramRef: {name: shop, parameterNotFoundAction: Deny}", want: "denied request: cluster", code: 422, reason: "Invalid"},
		"params in a namespace of a cluster kind": {spec: "  paramKind: {apiVersion: v1, kind: Namespace}\n  validations: [{expression: 'true'}]",
			binding: ", validationActions: [Deny], paramRef: {name: shop, namespace: shop, parameterNotFoundAction: Deny}", want: "failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`", code: 422, reason: "Invalid"},
		"params of an unknown kind": {spec: "  paramKind: {apiVersion: example.com/v1, kind: Limit}\n  validations: [{expression: 'true'}]",
			want: "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'", code: 422, reason: "Invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.binding == "" {
				tt.binding = ", validationActions: [Deny]"
			}
			w := newWorld(t, head(validatingKind, "p")+tt.spec, binding(validatingKind, "p", tt.binding))
			if tt.objects != "" {
				w.put(t, tt.objects)
			}
			a, warnings := w.write(t, web, nil)
			err := policy.NewValidating(w.config()).Validate(t.Context(), a)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if status, ok := err.(apierrors.APIStatus); ok && (status.Status().Code != tt.code || status.Status().Reason != tt.reason) {
				t.Errorf("code %d, reason %s", status.Status().Code, status.Status().Reason)
			}
			if got := strings.Join(*warnings, "\n"); got != tt.warning {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
			key, value, _ := strings.Cut(tt.annotation, "=")
			if all := a.Annotations.All(true); tt.annotation != "" && all[key] != value || tt.annotation == "" && len(all) > 0 {
				t.Errorf("annotations %v, want %q", all, tt.annotation)
			}
		})
	}
}

// A policy that is changed or no longer bound acts accordingly at the next
// write; one whose status changes is not compiled anew.
func TestValidatingFollows(t *testing.T) {
	w := newWorld(t, head(validatingKind, "p")+"  validations: [{expression: 'true'}]")
	plugin := policy.NewValidating(w.config())
	try := func() string {
		a, _ := w.write(t, web, nil)
		if err := plugin.Validate(t.Context(), a); err != nil {
			return err.Error()
		}
		return ""
	}
	expect := func(what, want string) {
		t.Helper()
		if got := try(); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	expect("no binding", "")
	w.put(t, binding(validatingKind, "p", ", validationActions: [Deny]"))
	expect("bound", "")
	w.put(t, strings.Replace(head(validatingKind, "p"), "{name: p}", "{name: p, generation: 2}", 1)+"  validations: [{expression: 'false', message: changed}]")
	expect("changed", "changed")
	for at := range w.objects {
		if at.Resource == "validatingadmissionpolicybindings" {
			w.objects[at] = nil
			w.changes.Add(1)
		}
	}
	expect("binding deleted", "")
}

// What policies decide is counted, until they are gone.
func TestMetrics(t *testing.T) {
	w := newWorld(t, head(validatingKind, "p")+"  validations: [{expression: 'false'}, {expression: object.nothing == 1}, {expression: 'true'}]",
		binding(validatingKind, "p", ", validationActions: [Deny, Audit]"))
	plugin := policy.NewValidating(w.config())
	a, _ := w.write(t, web, nil)
	if plugin.Validate(t.Context(), a) == nil {
		t.Fatal("the write is let pass")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(plugin.Collectors()[0])
	series := func() (all []string) {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				text := f.GetName()
				for _, l := range m.GetLabel() {
					text += " " + l.GetName() + "=" + l.GetValue()
				}
				all = append(all, fmt.Sprint(text, " ", m.GetCounter().GetValue()))
			}
		}
		return all
	}
	var want []string
	for _, action := range []string{"audit", "deny"} {
		for _, kind := range []string{"invalid_error", "no_error"} {
			want = append(want, "apiserver_validating_admission_policy_check_total enforcement_action="+action+" error_type="+kind+" policy=p policy_binding=p-b 1")
		}
	}
	if got := series(); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	w.objects = map[schema.GroupVersionResource][]runtime.Object{}
	w.changes.Add(1)
	if err := plugin.Validate(t.Context(), a); err != nil || len(series()) > 0 {
		t.Errorf("error %v, and %q are left", err, series())
	}
}

// Whoever writes policies must be able to take them back.
func TestPoliciesExemptThemselves(t *testing.T) {
	all := strings.NewReplacer("[apps]", "['*']", "deployments", "'*'").Replace(head(validatingKind, "p")) + "  validations: [{expression: 'false'}]"
	w := newWorld(t, all, binding(validatingKind, "p", ", validationActions: [Deny]"))
	a, _ := w.write(t, all, nil)
	if err := policy.NewValidating(w.config()).Validate(t.Context(), a); err != nil {
		t.Error(err)
	}
	a, _ = w.write(t, web, nil)
	if policy.NewValidating(w.config()).Validate(t.Context(), a) == nil {
		t.Error("the policy does not act at all")
	}
}
