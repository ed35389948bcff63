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

// A pod that is created right after its namespace waits for the account.
func TestWaitsForTheDefaultAccount(t *testing.T) {
	for _, comes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			objs := admissiontest.Of()
			if comes {
				time.AfterFunc(creationWait/2, func() { objs.Events.Add(account("default", nil)) })
			}
			err := admissiontest.Run(&Plugin{Source: objs}, admissiontest.Create(newPod(nil)))
			if (err == nil) != comes {
				t.Errorf("account comes %v: %v", comes, err)
			}
			time.Sleep(creationWait)
		})
	}
}
