package kubelet_test

import (
	"slices"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// change writes a new generation of the pod.
func (b *bench) change(name string, f func(p *corev1.Pod)) {
	p := b.get(name).DeepCopy()
	f(p)
	p.Generation++
	b.api.Put(p)
	synctest.Wait()
}

func TestResizeInPlaceAndByRestart(t *testing.T) {
	on(t, func(b *bench) {
		size := func(cpu, memory string) corev1.ResourceRequirements {
			list := corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
			return corev1.ResourceRequirements{Requests: list, Limits: list}
		}
		b.api.Put(pod("a", corev1.Container{Name: "web", Resources: size("100m", "64Mi"),
			ResizePolicy: []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.RestartContainer}}}))
		synctest.Wait()
		b.change("a", func(p *corev1.Pod) { p.Spec.Containers[0].Resources = size("200m", "64Mi") })
		s := b.get("a").Status
		if !slices.Contains(b.rt.Calls(), "UpdateContainerResources web") || s.ContainerStatuses[0].RestartCount != 0 ||
			s.ContainerStatuses[0].Resources.Limits.Cpu().MilliValue() != 200 || s.ObservedGeneration != 2 {
			t.Errorf("calls %q, status %+v", b.rt.Calls(), s)
		}
		for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.PodReady} {
			if !slices.ContainsFunc(s.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind && c.ObservedGeneration == 2 }) {
				t.Errorf("no condition %s of generation 2: %+v", kind, s.Conditions)
			}
		}
		b.change("a", func(p *corev1.Pod) { p.Spec.Containers[0].Resources = size("200m", "128Mi") })
		if s := b.get("a").Status.ContainerStatuses[0]; s.RestartCount != 1 || b.rt.Config("web").Linux.Resources.MemoryLimitInBytes != 128<<20 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestImageChangeRestarts(t *testing.T) {
	on(t, func(b *bench) {
		b.rt.Pullable("web:2")
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		synctest.Wait()
		b.change("a", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "web:2" })
		if s := b.get("a").Status.ContainerStatuses[0]; s.RestartCount != 1 || s.Image != "web:2" || !s.Ready {
			t.Errorf("status %+v", s)
		}
	})
}

func TestEphemeralContainer(t *testing.T) {
	on(t, func(b *bench) {
		b.api.Put(pod("a", corev1.Container{Name: "web"}))
		synctest.Wait()
		b.change("a", func(p *corev1.Pod) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "web:1"}, TargetContainerName: "web"}}
		})
		config := b.rt.Config("debug")
		if config == nil || config.Linux.SecurityContext.NamespaceOptions.TargetId != b.rt.Running()["web"] {
			t.Fatalf("config %+v", config)
		}
		b.exit("debug", 0)
		s := b.get("a").Status
		if len(s.EphemeralContainerStatuses) != 1 || s.EphemeralContainerStatuses[0].State.Terminated == nil || condition(b.get("a"), corev1.PodReady) != corev1.ConditionTrue {
			t.Errorf("status %+v", s)
		}
		if b.rt.Running()["debug"] != "" {
			t.Error("an ephemeral container was restarted")
		}
	})
}
