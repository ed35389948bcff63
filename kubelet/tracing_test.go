package kubelet_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
	"minke/client/fake"
	"minke/kubelet/fakeruntime"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

// spanless is an API in the kubelet's process, whose own spans are not the kubelet's.
type spanless struct {
	*fake.Server
	*testing.T
}

func (s spanless) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	if tracing.FromContext(ctx) != nil {
		s.Errorf("%s %s is within a span", r.Verb, r.Resource.Resource)
	}
	return s.Server.Do(ctx, r)
}

// TestTraced: the life of a pod as a collector sees it.
func TestTraced(t *testing.T) {
	collector := tracingtest.New(t)
	tracer, flush := collector.Tracer(t, 1_000_000)
	synctest.Test(t, func(t *testing.T) {
		api := fake.New().Guarded(t)
		b := &bench{T: t, api: api, rt: fakeruntime.New("web:1"), dir: t.TempDir(), tracer: tracer}
		b.pods = client.Of(b.api, client.Pods)
		c := b.config()
		c.API = spanless{api, t}
		b.startWith(c)
		defer func() { b.stop() }()
		synctest.Wait()
		first := pod("a", corev1.Container{Name: "web"})
		class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Handler: "h"} // it is asked for within a step
		b.api.Put(class)
		first.Spec.RuntimeClassName = &class.Name
		b.api.Put(first)
		b.api.Put(pod("b", corev1.Container{Name: "web", Image: "none:1"}))
		synctest.Wait()
		b.change("a", func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} })
		if err := b.pods.Delete(t.Context(), "default", "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		settle(time.Minute)
	})
	flush()
	types := map[string]bool{}
	for _, s := range collector.Named("syncPod") {
		if s.Attr("k8s.pod") != "default/"+s.Attr("k8s.pod.name") || s.Attr("k8s.pod.uid") != "uid-"+s.Attr("k8s.pod.name") || s.Attr("k8s.namespace.name") != "default" || s.Parent() != "" {
			t.Errorf("the span is %v", s)
		}
		types[s.Attr("k8s.pod.update_type")] = true
	}
	for _, kind := range []string{"create", "update"} {
		if !types[kind] {
			t.Errorf("no pod was synced to %s it: %v", kind, types)
		}
	}
	spans := collector.Spans()
	for name, above := range map[string]string{
		"runtime.v1.RuntimeService/RunPodSandbox":    "syncPod",
		"runtime.v1.RuntimeService/StartContainer":   "syncPod",
		"runtime.v1.RuntimeService/StopPodSandbox":   "syncTerminatingPod",
		"runtime.v1.RuntimeService/RemovePodSandbox": "syncTerminatedPod",
		"runtime.v1.ImageService/PullImage":          "syncPod",
	} {
		found := collector.Named(name)
		if len(found) == 0 {
			t.Errorf("no span %s", name)
			continue
		}
		for _, s := range found {
			i := slices.IndexFunc(spans, func(p *tracingtest.Span) bool { return p.ID() == s.Parent() })
			if i < 0 || spans[i].Name != above || spans[i].Trace() != s.Trace() || s.Attr("rpc.method") != name {
				t.Errorf("%s is not below %s: %v", name, above, s)
			}
		}
	}
	if pulls := collector.Named("runtime.v1.ImageService/PullImage"); len(pulls) == 0 || pulls[0].Status.GetMessage() == "" {
		t.Errorf("that an image cannot be pulled is not told: %v", pulls)
	}
}
