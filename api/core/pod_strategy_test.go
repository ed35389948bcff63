package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestPodGraceful(t *testing.T) {
	for name, c := range map[string]struct {
		node  string
		phase corev1.PodPhase
		spec  *int64
		asked *int64
		want  int64
	}{
		"as the pod says":             {"n", corev1.PodRunning, new(int64(30)), nil, 30},
		"as the caller says":          {"n", corev1.PodRunning, new(int64(30)), new(int64(5)), 5},
		"at once":                     {"n", corev1.PodRunning, new(int64(30)), new(int64(0)), 0},
		"not scheduled":               {"", corev1.PodPending, new(int64(30)), nil, 0},
		"finished":                    {"n", corev1.PodSucceeded, new(int64(30)), new(int64(10)), 0},
		"a pod with a negative grace": {"n", corev1.PodRunning, new(int64(-3)), nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{Spec: corev1.PodSpec{NodeName: c.node, TerminationGracePeriodSeconds: c.spec}, Status: corev1.PodStatus{Phase: c.phase}}
			if got := podGrace(p, c.asked); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestQOSClass(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		l := corev1.ResourceList{}
		if cpu != "" {
			l[corev1.ResourceCPU] = resource.MustParse(cpu)
		}
		if memory != "" {
			l[corev1.ResourceMemory] = resource.MustParse(memory)
		}
		return l
	}
	for name, c := range map[string]struct {
		requests, limits corev1.ResourceList
		want             corev1.PodQOSClass
	}{
		"nothing":         {nil, nil, corev1.PodQOSBestEffort},
		"zero is nothing": {list("0", ""), nil, corev1.PodQOSBestEffort},
		"equal":           {list("1", "1Gi"), list("1000m", "1Gi"), corev1.PodQOSGuaranteed},
		"one missing":     {list("1", ""), list("1", ""), corev1.PodQOSBurstable},
		"less":            {list("1", "1Gi"), list("2", "1Gi"), corev1.PodQOSBurstable},
	} {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: c.requests, Limits: c.limits}}}}}
			if got := QOSClass(p); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]corev1.PullPolicy{
		"nginx": corev1.PullAlways, "nginx:latest": corev1.PullAlways, "nginx:1": corev1.PullIfNotPresent,
		"host:5000/nginx": corev1.PullAlways, "host:5000/nginx:1": corev1.PullIfNotPresent,
		"nginx@sha256:0": corev1.PullIfNotPresent, "nginx:latest@sha256:0": corev1.PullAlways, "": corev1.PullIfNotPresent,
	} {
		if got := pullPolicy(image); got != want {
			t.Errorf("%q: got %s, want %s", image, got, want)
		}
	}
}

// TestSubresources: each way of updating a pod changes its own part alone.
func TestSubresources(t *testing.T) {
	old := &corev1.Pod{}
	old.Generation = 3
	old.Labels = map[string]string{"a": "b"}
	old.Spec.Containers = []corev1.Container{{Name: "c", Image: "i"}}
	old.Status.Phase = corev1.PodRunning
	changed := func() *corev1.Pod {
		p := old.DeepCopy()
		p.Labels = map[string]string{"x": "y"}
		p.Spec.Containers[0].Image = "other"
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "e"}}}
		p.Status.Phase = corev1.PodFailed
		return p
	}
	for name, c := range map[string]struct {
		prepare    func(p, old *corev1.Pod)
		image      string
		limits     int
		ephemeral  int
		phase      corev1.PodPhase
		generation int64
	}{
		"update":              {podUpdate, "other", 1, 1, corev1.PodRunning, 4},
		"status":              {podStatus, "i", 0, 0, corev1.PodFailed, 3},
		"ephemeralcontainers": {podEphemeralContainers, "i", 0, 1, corev1.PodRunning, 4},
		"resize":              {podResize, "i", 1, 0, corev1.PodRunning, 4},
	} {
		t.Run(name, func(t *testing.T) {
			p := changed()
			c.prepare(p, old)
			container := p.Spec.Containers[0]
			if container.Image != c.image || len(container.Resources.Limits) != c.limits || len(p.Spec.EphemeralContainers) != c.ephemeral ||
				p.Status.Phase != c.phase || p.Generation != c.generation {
				t.Errorf("got %+v %+v, generation %d", p.Spec, p.Status, p.Generation)
			}
			if old.Spec.Containers[0].Image != "i" || len(old.Spec.EphemeralContainers) != 0 {
				t.Error("the old pod was changed")
			}
		})
	}
}
