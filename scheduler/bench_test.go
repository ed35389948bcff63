package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
	"minke/client/fake"
	"minke/scheduler/cluster"
	"minke/scheduler/plugins"
)

// BenchmarkPlace decides about and assumes one pod after the other.
func BenchmarkPlace(b *testing.B) {
	kinds := map[string]func(*corev1.Pod){
		"plain": func(*corev1.Pod) {},
		"anti-affinity": func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "none"}}, TopologyKey: corev1.LabelHostname,
			}}}}
		},
	}
	for _, nodes := range []int{3, 100, 1000, 5000} {
		for _, kind := range []string{"plain", "anti-affinity"} {
			b.Run(fmt.Sprintf("nodes=%d/%s", nodes, kind), func(b *testing.B) {
				chance := rand.New(rand.NewPCG(1, 2))
				cache := cluster.NewCache(func(string) labels.Set { return nil })
				for i := range nodes {
					cache.SetNode(testNode(fmt.Sprint("n", i), "64", func(n *corev1.Node) {
						n.Status.Allocatable[corev1.ResourcePods] = *n.Status.Allocatable.Cpu()
					}))
				}
				p := &placement{rules: newRules(&plugins.VolumeBinding{}, nil), chance: chance, nominated: newNominations().on}
				var placed []*cluster.Pod
				b.ResetTimer()
				for i := range b.N {
					pod := testPod(fmt.Sprint("p", i), "1m", kinds[kind])
					pod.UID = types.UID(pod.Name)
					prepared := cluster.NewPod(pod)
					d := p.place(cache.Snapshot(), prepared)
					if d.node == "" {
						b.Fatal(d.explain())
					}
					cache.Assume(prepared, d.node)
					if placed = append(placed, prepared); len(placed) > 10*nodes {
						cache.Forget(placed[0])
						placed = placed[1:]
					}
				}
			})
		}
	}
}

// BenchmarkBind measures from a pod's creation to its being seen bound, with an
// idle scheduler and an API in memory.
func BenchmarkBind(b *testing.B) {
	api := fake.New(testNode("n1", "1000", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourcePods] = *n.Status.Allocatable.Cpu() }))
	informers := client.NewInformers(api)
	s := New(api, informers, Options{})
	bound := make(chan string, 1)
	client.InformerOf(informers, client.Pods).Handle(client.Handler[*corev1.Pod]{Update: func(old, pod *corev1.Pod) {
		if old.Spec.NodeName == "" && pod.Spec.NodeName != "" {
			bound <- pod.Name
		}
	}})
	ctx, cancel := context.WithCancel(b.Context())
	informers.Start(ctx)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	pods := client.Of(api, client.Pods)
	b.ResetTimer()
	for i := range b.N {
		name := fmt.Sprint("p", i)
		if _, err := pods.Create(ctx, testPod(name, "1m")); err != nil {
			b.Fatal(err)
		}
		<-bound
		b.StopTimer()
		if err := pods.Delete(ctx, "default", name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	cancel()
	<-done
}
