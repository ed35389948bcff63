package match_test

import (
	"context"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
	"minke/apiserver/admission/match"
)

// versions offers one version besides the request's.
type versions struct{ other admission.Version }

func (v versions) Others(admission.Version, string) []admission.Version {
	return []admission.Version{v.other}
}
func (versions) Export(_ context.Context, obj runtime.Object, _ schema.GroupVersionKind) (runtime.Object, error) {
	return obj, nil
}
func (versions) Import(context.Context, []byte, schema.GroupVersionKind) (api.Object, error) {
	return nil, nil
}

func deployment(labels map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: labels}}
}

func rule(group, version, resource string, ops ...admissionregistrationv1.OperationType) admissionregistrationv1.RuleWithOperations {
	if len(ops) == 0 {
		ops = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
	}
	return admissionregistrationv1.RuleWithOperations{Operations: ops, Rule: admissionregistrationv1.Rule{
		APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource},
	}}
}

func scoped(r admissionregistrationv1.RuleWithOperations, scope admissionregistrationv1.ScopeType) admissionregistrationv1.RuleWithOperations {
	r.Scope = &scope
	return r
}

func TestRules(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	inNamespace := func(a *admission.Attributes) *admission.Attributes { a.Namespace = a.Name; return a }
	sub := func(a *admission.Attributes, name string) *admission.Attributes { a.Subresource = name; return a }
	create := func() *admission.Attributes { return admissiontest.Create(deployment(nil)) }
	tests := []struct {
		name  string
		rule  admissionregistrationv1.RuleWithOperations
		write *admission.Attributes
		want  bool
	}{
		{"exact", rule("apps", "v1", "deployments", admissionregistrationv1.Create), create(), true},
		{"other operation", rule("apps", "v1", "deployments", admissionregistrationv1.Update), create(), false},
		{"other group", rule("", "v1", "deployments"), create(), false},
		{"other version", rule("apps", "v1beta1", "deployments"), create(), false},
		{"other resource", rule("apps", "v1", "daemonsets"), create(), false},
		{"wildcards", rule("*", "*", "*"), create(), true},
		{"* has no subresources", rule("*", "*", "*"), sub(create(), "scale"), false},
		{"*/* has", rule("*", "*", "*/*"), sub(create(), "scale"), true},
		{"*/scale", rule("*", "*", "*/scale"), sub(create(), "scale"), true},
		{"*/scale is no status", rule("*", "*", "*/scale"), sub(create(), "status"), false},
		{"deployments/* with a subresource", rule("apps", "v1", "deployments/*"), sub(create(), "status"), true},
		{"deployments/* without one, as Kubernetes", rule("apps", "v1", "deployments/*"), create(), true},
		{"deployments is no subresource", rule("apps", "v1", "deployments"), sub(create(), "status"), false},
		{"namespaced", scoped(rule("*", "*", "*"), admissionregistrationv1.NamespacedScope), create(), true},
		{"not cluster", scoped(rule("*", "*", "*"), admissionregistrationv1.ClusterScope), create(), false},
		{"a namespace is cluster", scoped(rule("*", "*", "*"), admissionregistrationv1.ClusterScope), inNamespace(admissiontest.Create(namespace)), true},
		{"a namespace is not namespaced", scoped(rule("*", "*", "*"), admissionregistrationv1.NamespacedScope), inNamespace(admissiontest.Create(namespace)), false},
		{"all scopes", scoped(rule("*", "*", "*"), admissionregistrationv1.AllScopes), create(), true},
	}
	for _, test := range tests {
		c, err := match.Webhook([]admissionregistrationv1.RuleWithOperations{test.rule}, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Match(t.Context(), admissiontest.Of(), test.write); got != test.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", test.name, got, err, test.want)
		}
	}
}

func TestEquivalent(t *testing.T) {
	other := admission.Version{Resource: schema.GroupVersionResource{Group: "apps", Version: "v2", Resource: "deployments"}, Kind: schema.GroupVersionKind{Group: "apps", Version: "v2", Kind: "Deployment"}}
	for _, test := range []struct {
		policy admissionregistrationv1.MatchPolicyType
		rules  []admissionregistrationv1.RuleWithOperations
		want   string
	}{
		{admissionregistrationv1.Exact, []admissionregistrationv1.RuleWithOperations{rule("apps", "v2", "deployments")}, ""},
		{admissionregistrationv1.Equivalent, []admissionregistrationv1.RuleWithOperations{rule("apps", "v2", "deployments")}, "v2"},
		{admissionregistrationv1.Equivalent, []admissionregistrationv1.RuleWithOperations{rule("apps", "v2", "deployments"), rule("apps", "v1", "deployments")}, "v1"},
		{admissionregistrationv1.Equivalent, []admissionregistrationv1.RuleWithOperations{rule("apps", "v3", "deployments")}, ""},
	} {
		c, err := match.Webhook(test.rules, &test.policy, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := admissiontest.Create(deployment(nil))
		a.Versions = versions{other}
		got, ok, err := c.Match(t.Context(), admissiontest.Of(), a)
		if err != nil || ok != (test.want != "") || got.Kind.Version != test.want {
			t.Errorf("%s %v: %v %v (%v), want %q", test.policy, test.rules, got, ok, err, test.want)
		}
	}
}

func TestSelectors(t *testing.T) {
	select1 := &metav1.LabelSelector{MatchLabels: map[string]string{"watch": "yes"}}
	labelled := map[string]string{"watch": "yes"}
	ns := func(labels map[string]string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels}}
	}
	namespaceWrite := func(obj, old *corev1.Namespace) *admission.Attributes {
		a := admissiontest.Create(ns(nil))
		a.Object, a.Namespace = nil, "shop"
		if obj != nil {
			a.Object = obj
		}
		if old != nil {
			a.Old = old
		}
		return a
	}
	tests := []struct {
		name               string
		namespace          map[string]string
		selNamespace, selO *metav1.LabelSelector
		write              *admission.Attributes
		want               bool
	}{
		{"namespace has it", labelled, select1, nil, admissiontest.Create(deployment(nil)), true},
		{"namespace has it not", nil, select1, nil, admissiontest.Create(deployment(nil)), false},
		{"what is in none matches", nil, select1, nil, admissiontest.Create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}), true},
		{"a new namespace", nil, select1, nil, namespaceWrite(ns(labelled), nil), true},
		{"a namespace that loses it", labelled, select1, nil, namespaceWrite(ns(nil), ns(labelled)), false},
		{"a namespace that goes", labelled, select1, nil, namespaceWrite(nil, ns(labelled)), true},
		{"object has it", nil, nil, select1, admissiontest.Create(deployment(labelled)), true},
		{"object has it not", nil, nil, select1, admissiontest.Create(deployment(nil)), false},
		{"object had it", nil, nil, select1, admissiontest.Write(admission.Update, deployment(nil), deployment(labelled)), true},
		{"what goes has it", nil, nil, select1, admissiontest.Write(admission.Delete, nil, deployment(labelled)), true},
	}
	for _, test := range tests {
		c, err := match.Webhook([]admissionregistrationv1.RuleWithOperations{rule("*", "*", "*")}, nil, test.selNamespace, test.selO)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Match(t.Context(), admissiontest.Of(ns(test.namespace)), test.write); got != test.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", test.name, got, err, test.want)
		}
	}
	c, err := match.Webhook([]admissionregistrationv1.RuleWithOperations{rule("*", "*", "*")}, nil, select1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Match(t.Context(), admissiontest.Of(), admissiontest.Create(deployment(nil))); !apierrors.IsNotFound(err) {
		t.Errorf("in a namespace that is not there: %v", err)
	}
}

func TestPolicyResources(t *testing.T) {
	named := func(r admissionregistrationv1.RuleWithOperations, names ...string) admissionregistrationv1.NamedRuleWithOperations {
		return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: r, ResourceNames: names}
	}
	all := rule("*", "*", "*")
	for _, test := range []struct {
		name string
		m    *admissionregistrationv1.MatchResources
		want bool
	}{
		{"nothing said", nil, true},
		{"by name", &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{named(all, "a", "web")}}, true},
		{"by another name", &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{named(all, "a")}}, false},
		{"excluded", &admissionregistrationv1.MatchResources{ExcludeResourceRules: []admissionregistrationv1.NamedRuleWithOperations{named(all, "web")}}, false},
		{"excluded by another name", &admissionregistrationv1.MatchResources{ExcludeResourceRules: []admissionregistrationv1.NamedRuleWithOperations{named(all, "a")}}, true},
	} {
		c, err := match.Resources(test.m)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Match(t.Context(), admissiontest.Of(), admissiontest.Create(deployment(nil))); got != test.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", test.name, got, err, test.want)
		}
	}
}
