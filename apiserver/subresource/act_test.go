package subresource

import (
	"encoding/json"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/apiserver/authn"
	"minke/apiserver/authz"
)

func newPod(name, node string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: name, UID: "u-1", Labels: map[string]string{"app": "a"}},
		Spec:       corev1.PodSpec{NodeName: node, ServiceAccountName: "robot", Containers: []corev1.Container{{Name: "c"}}},
		Status:     corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func TestBinding(t *testing.T) {
	gated := newPod("gated", "", corev1.PodPending)
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}}
	f := &fake{objs: map[string]runtime.Object{"pods/y/free": newPod("free", "", corev1.PodPending), "pods/y/bound": newPod("bound", "n1", corev1.PodRunning), "pods/y/gated": gated}}
	to := func(name, node string) corev1.Binding {
		return corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
	}
	for _, c := range []struct {
		action, path string
		body         corev1.Binding
		code         int
		text         string
	}{
		{"pods/binding", "/api/v1/namespaces/y/pods/free/binding?dryRun=All", to("free", "n2"), 201, "Success"},
		{"pods/binding", "/api/v1/namespaces/y/pods/free/binding", to("free", "n2"), 201, "Success"},
		{"pods/binding", "/api/v1/namespaces/y/pods/free/binding", to("free", "n3"), 409, `pod free is already assigned to node \"n2\"`},
		{"bindings", "/api/v1/namespaces/y/bindings", to("bound", "n2"), 409, "already assigned"},
		{"pods/binding", "/api/v1/namespaces/y/pods/gated/binding", to("gated", "n2"), 409, "non-empty .spec.schedulingGates"},
		{"pods/binding", "/api/v1/namespaces/y/pods/nosuch/binding", to("nosuch", "n2"), 404, "not found"},
		{"pods/binding", "/api/v1/namespaces/y/pods/free/binding", to("other", "n2"), 400, "does not match"},
		{"pods/binding", "/api/v1/namespaces/y/pods/free/binding", to("free", ""), 422, "target.name: Required value"},
	} {
		code, text := post(t, f.server(), c.action, c.path, c.body)
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.path, code, text, c.code, c.text)
		}
	}
	pod := f.objs["pods/y/free"].(*corev1.Pod)
	if pod.Spec.NodeName != "n2" || pod.Status.Conditions[1].Type != corev1.PodScheduled {
		t.Errorf("bound pod: %v %v", pod.Spec.NodeName, pod.Status.Conditions)
	}
}

func TestEviction(t *testing.T) {
	budget := func(allowed int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "b"},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}},
			Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, DesiredHealthy: 2, CurrentHealthy: 2},
		}
	}
	behind := budget(1)
	behind.Generation = 2
	unready := newPod("p", "n", corev1.PodRunning)
	unready.Status.Conditions = nil
	for _, c := range []struct {
		name    string
		pod     *corev1.Pod
		budgets []*policyv1.PodDisruptionBudget
		code    int
		text    string
		left    int32
	}{
		{"no budget", newPod("p", "n", corev1.PodRunning), nil, 201, "Success", 0},
		{"budget left", newPod("p", "n", corev1.PodRunning), []*policyv1.PodDisruptionBudget{budget(1)}, 201, "Success", 0},
		{"budget spent", newPod("p", "n", corev1.PodRunning), []*policyv1.PodDisruptionBudget{budget(0)}, 429, `"reason":"DisruptionBudget","message":"The disruption budget b needs 2 healthy pods and has 2 currently"`, 0},
		{"budget unseen", newPod("p", "n", corev1.PodRunning), []*policyv1.PodDisruptionBudget{behind}, 429, "is still being processed by the server", 1},
		{"two budgets", newPod("p", "n", corev1.PodRunning), []*policyv1.PodDisruptionBudget{budget(1), budget(1)}, 500, "more than one PodDisruptionBudget", 1},
		{"pending", newPod("p", "", corev1.PodPending), []*policyv1.PodDisruptionBudget{budget(0)}, 201, "Success", 0},
		{"unready with a healthy budget", unready, []*policyv1.PodDisruptionBudget{budget(0)}, 201, "Success", 0},
	} {
		f := &fake{objs: map[string]runtime.Object{"pods/y/p": c.pod}}
		for i, b := range c.budgets {
			b.Name = string(rune('b' + i))
			f.objs["poddisruptionbudgets/y/"+b.Name] = b
		}
		code, text := post(t, f.server(), "pods/eviction", "/api/v1/namespaces/y/pods/p/eviction", policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "p"}})
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.name, code, text, c.code, c.text)
		}
		if gone := len(f.deleted) == 1; gone != (code == 201) {
			t.Errorf("%s: deleted %v after %d", c.name, f.deleted, code)
		}
		if len(c.budgets) > 0 {
			if left := f.objs["poddisruptionbudgets/y/b"].(*policyv1.PodDisruptionBudget).Status.DisruptionsAllowed; left != c.left {
				t.Errorf("%s: %d disruptions left, want %d", c.name, left, c.left)
			}
		}
	}
}

func TestTokenAndReview(t *testing.T) {
	key, err := authn.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := authn.NewIssuer([]string{"https://issuer"}, key)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{objs: map[string]runtime.Object{
		"serviceaccounts/y/robot": &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "robot", UID: "s"}},
		"serviceaccounts/y/other": &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "other", UID: "o"}},
		"pods/y/p":                newPod("p", "n", corev1.PodRunning),
	}}
	s := f.server()
	s.Issuer, s.Tokens = issuer, &authn.ServiceAccounts{Issuer: issuer, Reader: f, Audiences: []string{"api"}}
	seconds := int64(5)
	pod := &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p"}
	for _, c := range []struct {
		account string
		spec    authenticationv1.TokenRequestSpec
		code    int
		text    string
	}{
		{"robot", authenticationv1.TokenRequestSpec{}, 201, "token"},
		{"nosuch", authenticationv1.TokenRequestSpec{}, 404, "not found"},
		{"robot", authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}, 422, "may not specify a duration less than 10 minutes"},
		{"robot", authenticationv1.TokenRequestSpec{BoundObjectRef: pod}, 201, "token"},
		{"other", authenticationv1.TokenRequestSpec{BoundObjectRef: pod}, 400, "different serviceaccount name"},
		{"robot", authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: "x"}}, 409, "does not match the UID in record"},
	} {
		code, text := post(t, s, "serviceaccounts/token", "/api/v1/namespaces/y/serviceaccounts/"+c.account+"/token", authenticationv1.TokenRequest{Spec: c.spec})
		if code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s %+v: %d %s, want %d %s", c.account, c.spec, code, text, c.code, c.text)
		}
		if code != 201 {
			continue
		}
		var answer authenticationv1.TokenRequest
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		_, text = post(t, s, "tokenreviews.authentication.k8s.io", "/apis/authentication.k8s.io/v1/tokenreviews", authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: answer.Status.Token}})
		if !strings.Contains(text, `"authenticated":true`) || !strings.Contains(text, `"username":"system:serviceaccount:y:robot"`) || !strings.Contains(text, "system:authenticated") {
			t.Errorf("review of a token: %s", text)
		}
	}
	if _, text := post(t, s, "tokenreviews.authentication.k8s.io", "/x", authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: "nonsense"}}); strings.Contains(text, `"authenticated":true`) || !strings.Contains(text, `"error":"invalid bearer token"`) {
		t.Errorf("review of nonsense: %s", text)
	}
}

func TestAccessReviews(t *testing.T) {
	f := &fake{allow: func(a authz.Attributes) bool {
		return a.Resource == "pods" && a.Namespace == "y" || a.Resource == "pods" && a.Selects("spec.nodeName", "n")
	}}
	s := f.server()
	selecting := func(by *authorizationv1.FieldSelectorAttributes) authorizationv1.SelfSubjectAccessReview {
		return authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods", FieldSelector: by},
		}}
	}
	pods := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "y"}
	nodes := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes"}
	named := metav1.ObjectMeta{Name: "a"}
	const group = ".authorization.k8s.io"
	for _, c := range []struct {
		action, path string
		body         any
		code         int
		text         string
	}{
		{"subjectaccessreviews" + group, "/", authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 201, `"allowed":true`},
		{"subjectaccessreviews" + group, "/", authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: nodes}}, 201, `"allowed":false`},
		{"subjectaccessreviews" + group, "/", authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: nodes}}, 422, "at least one of user or group must be specified"},
		{"subjectaccessreviews" + group, "/", authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x"}}, 422, "exactly one of nonResourceAttributes or resourceAttributes"},
		{"selfsubjectaccessreviews" + group, "/", selecting(&authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{"n"}}}}), 201, `"allowed":true`},
		{"selfsubjectaccessreviews" + group, "/", selecting(&authorizationv1.FieldSelectorAttributes{RawSelector: "spec.nodeName=n"}), 201, `"allowed":true`},
		{"selfsubjectaccessreviews" + group, "/", selecting(&authorizationv1.FieldSelectorAttributes{RawSelector: "spec.nodeName=m"}), 201, `"allowed":false`},
		{"selfsubjectaccessreviews" + group, "/", selecting(&authorizationv1.FieldSelectorAttributes{}), 422, "spec.resourceAttributes.fieldSelector.requirements"},
		{"localsubjectaccessreviews" + group, "/apis/authorization.k8s.io/v1/namespaces/y/localsubjectaccessreviews", authorizationv1.LocalSubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 201, `"allowed":true`},
		{"localsubjectaccessreviews" + group, "/apis/authorization.k8s.io/v1/namespaces/z/localsubjectaccessreviews", authorizationv1.LocalSubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 422, "must match metadata.namespace"},
		{"selfsubjectaccessreviews" + group, "/", authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods}}, 201, `"allowed":true`},
		{"subjectaccessreviews" + group, "/", authorizationv1.SubjectAccessReview{ObjectMeta: named, Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 422,
			`"message":".authorization.k8s.io \"\" is invalid: metadata: Invalid value: {\"name\":\"a\"}: must be empty"`},
		{"selfsubjectaccessreviews" + group, "/", authorizationv1.SelfSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}, Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods}}, 201, `"allowed":true`},
		{"selfsubjectaccessreviews" + group, "/", authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/x", Verb: "get"}}}, 422,
			`spec: Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: exactly one of`},
		{"selfsubjectaccessreviews" + group, "/", selecting(&authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{{Key: "spec.nodeName", Operator: "Like", Values: []string{"n"}}}}), 201, `"allowed":false`},
		{"localsubjectaccessreviews" + group, "/apis/authorization.k8s.io/v1/namespaces/y/localsubjectaccessreviews", authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: "z"}, Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 400, "does not match the namespace sent on the request"},
		{"localsubjectaccessreviews" + group, "/apis/authorization.k8s.io/v1/namespaces/y/localsubjectaccessreviews", authorizationv1.LocalSubjectAccessReview{ObjectMeta: named, Spec: authorizationv1.SubjectAccessReviewSpec{User: "x", ResourceAttributes: pods}}, 422, "must be empty except for namespace"},
		{"selfsubjectrulesreviews" + group, "/", authorizationv1.SelfSubjectRulesReview{ObjectMeta: named, Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "y"}}, 201, `"metadata":{},"spec":{},"status":`},
		{"selfsubjectreviews.authentication.k8s.io", "/", authenticationv1.SelfSubjectReview{ObjectMeta: named}, 201, `"metadata":{"creationTimestamp":"2026-01-02T03:04:05Z"}`},
		{"selfsubjectreviews.authentication.k8s.io", "/", authenticationv1.SelfSubjectReview{}, 201, `"username":"jane"`},
	} {
		if code, text := post(t, s, c.action, c.path, c.body); code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s, want %d %s", c.action, code, text, c.code, c.text)
		}
	}
}

func TestContainerOf(t *testing.T) {
	many := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}, InitContainers: []corev1.Container{{Name: "i"}},
	}}
	chosen := many.DeepCopy()
	chosen.Annotations = map[string]string{defaultContainer: "b"}
	for _, c := range []struct {
		pod        *corev1.Pod
		name, want string
	}{
		{newPod("p", "", ""), "", "c"},
		{newPod("p", "", ""), "x", "container x is not valid for pod p"},
		{many, "i", "i"},
		{many, "", "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]"},
		{chosen, "", "b"},
	} {
		got, err := containerOf(c.pod, c.name)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("container %q: %q, want %q", c.name, got, c.want)
		}
	}
}
