package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/client"
	"minke/client/fake"
)

func pod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": name}}}
}

func TestInformerFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer cancel()
		api := fake.New(pod("a")).Guarded(t)
		informers := client.NewInformers(api)
		pods := client.InformerOf(informers, client.Pods)
		mine := client.InformerOf(informers, client.Pods, client.WithLabels("app=b"))
		any := client.InformerOf(informers, client.Kind[client.Object]{Resource: client.Pods.Resource})
		pods.AddIndex("app", func(p *corev1.Pod) []string { return []string{p.Labels["app"]} })
		var heard []string
		pods.Handle(client.Handler[*corev1.Pod]{
			Add:    func(p *corev1.Pod) { heard = append(heard, "+"+p.Name) },
			Update: func(_, p *corev1.Pod) { heard = append(heard, "="+p.Name) },
			Delete: func(p *corev1.Pod) { heard = append(heard, "-"+p.Name) },
		})
		informers.Start(ctx)
		if err := informers.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		verbs := client.Of[*corev1.Pod](api, client.Pods)
		b, err := verbs.Create(ctx, pod("b"))
		if err != nil {
			t.Fatal(err)
		}
		b = b.DeepCopy()
		b.Labels["app"] = "c"
		synctest.Wait()
		if got := len(mine.List("", nil)); got != 1 {
			t.Errorf("selected before the change: got %d, want 1", got)
		}
		if _, err := verbs.Update(ctx, b); err != nil {
			t.Fatal(err)
		}
		if err := verbs.Delete(ctx, "default", "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, want := fmt.Sprint(heard), "[+a +b =b -a]"; got != want {
			t.Errorf("events: got %s, want %s", got, want)
		}
		if len(pods.Indexed("app", "c")) != 1 || len(pods.Indexed("app", "b")) != 0 || len(mine.List("", nil)) != 0 || len(any.List("default", labels.Everything())) != 1 {
			t.Error("the views do not show the change")
		}
	})
}

// Whatever is lost on the way, the view ends as the server is, and the handlers
// have been told of every difference.
func TestInformerConvergesUnderFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { convergeUnderFaults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func convergeUnderFaults(t *testing.T, r *rand.Rand) {
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	api := fake.New().Guarded(t)
	api.SetFaults(fake.Faults{Rand: r, Fail: 0.1, Lose: 0.1, Conflict: 0.1, EndWatch: 0.2, Expire: 0.05})
	informers := client.NewInformers(api)
	pods := client.InformerOf(informers, client.Pods)
	seen := map[string]string{}
	pods.Handle(client.Handler[*corev1.Pod]{
		Add:    func(p *corev1.Pod) { seen[p.Name] = p.ResourceVersion },
		Update: func(_, p *corev1.Pod) { seen[p.Name] = p.ResourceVersion },
		Delete: func(p *corev1.Pod) { delete(seen, p.Name) },
	})
	informers.Start(ctx)
	verbs := client.Of[*corev1.Pod](api, client.Pods)
	for range 200 {
		name := fmt.Sprint("p", r.IntN(10))
		switch r.IntN(3) {
		case 0:
			verbs.Create(ctx, pod(name))
		case 1:
			p := pod(name)
			p.Labels["n"] = fmt.Sprint(r.IntN(100))
			verbs.Update(ctx, p)
		case 2:
			verbs.Delete(ctx, "default", name, metav1.DeleteOptions{})
		}
		time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
	}
	api.SetFaults(fake.Faults{})
	time.Sleep(time.Minute)
	synctest.Wait()
	want, _, err := verbs.List(ctx, "", metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range want {
		if seen[p.Name] != p.ResourceVersion {
			t.Errorf("%s: the handlers know version %q, the server has %q", p.Name, seen[p.Name], p.ResourceVersion)
		}
	}
	if len(seen) != len(want) || len(pods.List("", nil)) != len(want) {
		t.Errorf("got %d seen and %d listed, want %d", len(seen), len(pods.List("", nil)), len(want))
	}
}
