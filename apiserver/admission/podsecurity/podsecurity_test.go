package podsecurity

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func namespace(name string, labels ...string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, l := range labels {
		mode, level, _ := strings.Cut(l, "=")
		n.Labels["pod-security.kubernetes.io/"+mode] = level
	}
	return n
}

func pod(namespace, name string, privileged bool) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec(privileged)}
}

func spec(privileged bool) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i", SecurityContext: &corev1.SecurityContext{Privileged: &privileged}}}}
}

func deployment(namespace string, privileged bool) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "d"},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: spec(privileged)}}}
}

const exemptions = `
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {enforce: baseline, enforce-version: latest}
exemptions: {usernames: [root], namespaces: [let-off], runtimeClasses: [vm]}
`

func TestPods(t *testing.T) {
	stored := admissiontest.Of(namespace("plain"), namespace("open", "enforce=privileged"), namespace("base", "enforce=baseline", "warn=restricted"),
		namespace("warned", "warn=baseline"), namespace("bad", "enforce=nonsense"), namespace("let-off", "enforce=restricted"))
	vm := pod("base", "p", true)
	vm.Spec.RuntimeClassName = new(string)
	*vm.Spec.RuntimeClassName = "vm"
	relabelled := pod("base", "p", true)
	relabelled.Labels = map[string]string{"a": "b"}
	other := pod("base", "p", true)
	other.Spec.Containers[0].Image = "other"
	for _, c := range []struct {
		name, config, user string
		obj, old           api.Object
		refusal, warning   string
	}{
		{name: "no labels", obj: pod("plain", "p", true)},
		{name: "default level", config: exemptions, obj: pod("plain", "p", true), refusal: `violates PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)`},
		{name: "label before default", config: exemptions, obj: pod("open", "p", true)},
		{name: "enforced", obj: pod("base", "p", true), refusal: `violates PodSecurity "baseline:latest": privileged`},
		{name: "allowed, warned", obj: pod("base", "p", false), warning: `would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false`},
		{name: "warned only", obj: pod("warned", "p", true), warning: `would violate PodSecurity "baseline:latest": privileged`},
		{name: "unreadable label", obj: pod("bad", "p", false), refusal: `violates PodSecurity "restricted:latest"`},
		{name: "exempt user", config: exemptions, user: "root", obj: pod("base", "p", true)},
		{name: "exempt namespace", config: exemptions, obj: pod("let-off", "p", true)},
		{name: "exempt class", config: exemptions, obj: vm},
		{name: "update of labels", obj: relabelled, old: pod("base", "p", true)},
		{name: "update of an image", obj: other, old: pod("base", "p", true), refusal: `violates PodSecurity "baseline:latest"`},
		{name: "workload is only warned", obj: deployment("base", true), warning: `would violate PodSecurity "restricted:latest": privileged`},
		{name: "workload where nothing is warned", config: exemptions, obj: deployment("plain", true)},
	} {
		p, err := New(stored, []byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		a := admissiontest.Create(c.obj)
		if c.old != nil {
			a = admissiontest.Write(admission.Update, c.obj, c.old)
		}
		a.User = &inprocess.User{Name: c.user}
		var warnings []string
		a.Warn = func(text string) { warnings = append(warnings, text) }
		got := admissiontest.Outcome(admissiontest.Run(p, a))
		if (got == "") != (c.refusal == "") || !strings.Contains(got, c.refusal) {
			t.Errorf("%s: refused with %q, want %q", c.name, got, c.refusal)
		}
		if text := strings.Join(warnings, "\n"); (text == "") != (c.warning == "") || !strings.Contains(text, c.warning) {
			t.Errorf("%s: warned of %q, want %q", c.name, text, c.warning)
		}
	}
}

func TestNamespaces(t *testing.T) {
	p, err := New(admissiontest.Of(pod("n", "a", true), pod("n", "b", true), pod("n", "c", false)), []byte(exemptions))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		obj, old *corev1.Namespace
		invalid  bool
		warnings []string
	}{
		{name: "good labels", obj: namespace("n", "enforce=baseline")},
		{name: "bad level", obj: namespace("n", "enforce=nonsense"), invalid: true},
		{name: "bad version", obj: namespace("n", "warn-version=v1"), invalid: true},
		{name: "bad before", obj: namespace("n", "enforce=nonsense", "x=y"), old: namespace("n", "enforce=nonsense")},
		{name: "bad now", obj: namespace("n", "enforce=nonsense"), old: namespace("n"), invalid: true},
		{name: "relaxed", obj: namespace("n", "enforce=baseline"), old: namespace("n", "enforce=restricted")},
		{name: "stricter", obj: namespace("n", "enforce=baseline"), old: namespace("n", "enforce=privileged"), warnings: []string{
			`existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"`,
			`a (and 1 other pod): privileged`,
		}},
		{name: "exempt", obj: namespace("let-off", "enforce=restricted"), warnings: []string{
			`namespace "let-off" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored`,
		}},
	} {
		a := admissiontest.Create(c.obj)
		if c.old != nil {
			a = admissiontest.Write(admission.Update, c.obj, c.old)
		}
		var warnings []string
		a.Warn = func(text string) { warnings = append(warnings, text) }
		if err := admissiontest.Run(p, a); c.invalid != apierrors.IsInvalid(err) || !c.invalid && err != nil {
			t.Errorf("%s: %v, want invalid %v", c.name, err, c.invalid)
		}
		if strings.Join(warnings, "\n") != strings.Join(c.warnings, "\n") {
			t.Errorf("%s: warned of %q, want %q", c.name, warnings, c.warnings)
		}
	}
}

func TestConfiguration(t *testing.T) {
	for _, bad := range []string{"kind: Nothing", strings.Replace(exemptions, "enforce: baseline", "enforce: nonsense", 1), strings.Replace(exemptions, "defaults:", "default:", 1)} {
		if _, err := New(nil, []byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
}
