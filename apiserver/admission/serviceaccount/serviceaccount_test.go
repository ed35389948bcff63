package serviceaccount

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/apiserver/admission/admissiontest"
)

func account(name string, automount *bool) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: name}, AutomountServiceAccountToken: automount,
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}}
}

func newPod(change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "y", Name: "p"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}, InitContainers: []corev1.Container{{Name: "i"}},
	}}
	if change != nil {
		change(p)
	}
	return p
}

// AUT003: the pod's word on automounting counts more than the account's.
func TestAutomount(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		pod, account *bool
		want         bool
	}{
		{nil, nil, true}, {nil, &yes, true}, {nil, &no, false},
		{&yes, nil, true}, {&yes, &yes, true}, {&yes, &no, true},
		{&no, nil, false}, {&no, &yes, false}, {&no, &no, false},
	} {
		plugin := &Plugin{Source: admissiontest.Of(account("default", c.account)), Name: func() string { return "abcde" }}
		pod := newPod(func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = c.pod })
		if err := admissiontest.Run(plugin, admissiontest.Create(pod)); err != nil {
			t.Fatal(err)
		}
		if got := len(pod.Spec.Volumes) == 1; got != c.want {
			t.Errorf("pod %v, account %v: mounted %v, want %v", c.pod, c.account, got, c.want)
		}
		if pod.Spec.ServiceAccountName != "default" || pod.Spec.DeprecatedServiceAccount != "default" || pod.Spec.ImagePullSecrets[0].Name != "pull" {
			t.Errorf("pod %+v", pod.Spec)
		}
		if !c.want {
			continue
		}
		if v := pod.Spec.Volumes[0]; v.Name != "kube-api-access-abcde" || len(v.Projected.Sources) != 3 {
			t.Errorf("volume %+v", v)
		}
		for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for _, container := range list {
				if len(container.VolumeMounts) != 1 || container.VolumeMounts[0].MountPath != MountPath {
					t.Errorf("container %s mounts %v", container.Name, container.VolumeMounts)
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*corev1.Pod)
		want   string
	}{
		{"no such account", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "x" }, `pods "p" is forbidden: error looking up service account y/x: serviceaccount "x" not found`},
		{"mirror pod", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }, ""},
		{"mirror pod with an account", func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			p.Spec.ServiceAccountName = "default"
		}, `pods "p" is forbidden: a mirror pod may not reference service accounts`},
		{"own mount", func(p *corev1.Pod) {
			for i := range p.Spec.Containers {
				p.Spec.Containers[i].VolumeMounts = []corev1.VolumeMount{{MountPath: MountPath}}
			}
			p.Spec.InitContainers = nil
		}, ""},
	} {
		pod := newPod(c.change)
		plugin := &Plugin{Source: admissiontest.Of(account("default", nil))}
		if got := admissiontest.Outcome(admissiontest.Run(plugin, admissiontest.Create(pod))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if len(pod.Spec.Volumes) != 0 {
			t.Errorf("%s: volumes %v", c.name, pod.Spec.Volumes)
		}
	}
}

// An account that asks for it is used with the secrets that it lists alone.
func TestMountableSecrets(t *testing.T) {
	env := func(secret string) []corev1.EnvVar {
		return []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}}}
	}
	from := []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "other"}}}}
	volume := func(secret string) []corev1.Volume {
		return []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}}
	}
	const end = ` is not allowed because service account default does not reference that secret`
	for _, c := range []struct {
		name, enforce string
		change        func(*corev1.PodSpec)
		want          string
	}{
		{"nothing", "true", func(*corev1.PodSpec) {}, ""},
		{"its own", "true", func(s *corev1.PodSpec) { s.Volumes, s.Containers[0].Env = volume("own"), env("own") }, ""},
		{"volume", "true", func(s *corev1.PodSpec) { s.Volumes = volume("other") }, `volume with secret.secretName="other"` + end},
		{"variable", "1", func(s *corev1.PodSpec) { s.Containers[0].Env = env("other") }, `container c with envVar A referencing secret.secretName="other"` + end},
		{"variables", "true", func(s *corev1.PodSpec) { s.InitContainers[0].EnvFrom = from }, `init container i with envFrom referencing secret.secretName="other"` + end},
		{"pull secret", "true", func(s *corev1.PodSpec) {
			s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}, {Name: "x"}}
		}, `imagePullSecrets[1].name="x" is not allowed because service account default does not reference that imagePullSecret`},
		{"not asked for", "maybe", func(s *corev1.PodSpec) { s.Volumes = volume("other") }, ""},
	} {
		enforcing := account("default", nil)
		enforcing.Annotations = map[string]string{enforceAnnotation: c.enforce}
		enforcing.Secrets = []corev1.ObjectReference{{Name: "own"}}
		pod := newPod(nil)
		pod.Spec.Containers[0].Name, pod.Spec.InitContainers[0].Name = "c", "i"
		c.change(&pod.Spec)
		if c.want != "" {
			c.want = `pods "p" is forbidden: ` + c.want
		}
		plugin := &Plugin{Source: admissiontest.Of(enforcing)}
		if got := admissiontest.Outcome(admissiontest.Run(plugin, admissiontest.Create(pod))); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A pod that is created right after its namespace waits for the account.
func TestWaitsForTheDefaultAccount(t *testing.T) {
	for _, comes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			objs := admissiontest.Of()
			if comes {
				time.AfterFunc(creationWait/2, func() { objs.Events.Add(account("default", nil)) })
			}
			err := (&Plugin{Source: objs}).Admit(t.Context(), admissiontest.Create(newPod(nil)))
			if (err == nil) != comes {
				t.Errorf("account comes %v: %v", comes, err)
			}
			time.Sleep(creationWait)
		})
	}
}
