package scheduler

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
	"minke/client/fake"
	"minke/scheduler/cluster"
)

// unsteady is an API whose answers to bindings are lost, and which for a while
// answers nothing else.
type unsteady struct {
	*fake.Server
	binds  bool // it does bind
	silent int  // so many reads fail
}

func (u *unsteady) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	down := apierrors.NewInternalError(errors.New("a fault of the test"))
	switch {
	case r.Subresource == "binding":
		if u.binds {
			if _, err := u.Server.Do(ctx, r); err != nil {
				return nil, err
			}
		}
		return nil, down
	case r.Verb == "get" && u.silent > 0:
		u.silent--
		return nil, down
	}
	return u.Server.Do(ctx, r)
}

// TestBindingWithoutAnswer: a pod counts on its node until it is known not to be
// there. No informer tells.
func TestBindingWithoutAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		binds, gone bool
		silent      int
		want        bool
	}{
		"it was bound":                        {binds: true, want: true},
		"it was bound, as is told later":      {binds: true, silent: 9, want: true},
		"it was not":                          {},
		"it was not, as is told later":        {silent: 9},
		"it is gone, as is told later":        {gone: true, silent: 9},
		"nobody tells until the time is over": {binds: true, silent: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &unsteady{Server: fake.New(testNode("n1", "4")), binds: c.binds, silent: c.silent}
				s := New(api, client.NewInformers(api), Options{})
				s.cache.SetNode(testNode("n1", "4"))
				obj := testPod("a", "1", func(p *corev1.Pod) { p.UID = "u" })
				if !c.gone {
					api.Put(obj)
				}
				s.queue.Set(obj, true)
				item, err := s.queue.Pop(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				pod := cluster.NewPod(item.Pod)
				s.cache.Assume(pod, "n1")
				s.bind(t.Context(), item, pod, "n1")
				if got := s.cache.Placed(pod.UID); got != c.want {
					t.Errorf("it counts on the node: %v, wanted %v", got, c.want)
				}
			})
		})
	}
}
