package eventttl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/fake"
)

func TestOldEventsGo(t *testing.T) {
	for _, c := range []struct {
		ttl   time.Duration
		after time.Duration
		want  string
	}{
		{time.Hour, 59 * time.Minute, "future repeated shop/a"},
		{time.Hour, 66 * time.Minute, "repeated"},
		{time.Hour, 2 * time.Hour, ""},
		{0, 1000 * time.Hour, "future repeated shop/a"},
	} {
		synctest.Test(t, func(t *testing.T) {
			now := metav1.Now()
			half := metav1.NewTime(now.Add(30 * time.Minute))
			event := func(namespace, name string) *corev1.Event {
				return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: now}}
			}
			// It was written again half an hour later.
			repeated := event("default", "repeated")
			repeated.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", Time: &half}}
			// What it says of itself is its author's affair.
			future := event("default", "future")
			future.LastTimestamp = metav1.NewTime(now.Add(1000 * time.Hour))
			api := fake.New(event("shop", "a"), repeated, future)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				if err := New(api, c.ttl).Run(ctx); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(c.after)
			synctest.Wait()
			all, _, err := client.Of(api, client.Events).List(ctx, "", metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, e := range all {
				left = append(left, strings.TrimPrefix(client.KeyOf(e).String(), "default/"))
			}
			slices.Sort(left)
			if got := strings.Join(left, " "); got != c.want {
				t.Errorf("ttl %v, after %v: %q are left, wanted %q", c.ttl, c.after, got, c.want)
			}
			if deletes := len(api.Requests()); deletes != 3-len(left) {
				t.Errorf("ttl %v, after %v: %s requests", c.ttl, c.after, fmt.Sprint(api.Requests()))
			}
			cancel()
			running.Wait()
		})
	}
}
