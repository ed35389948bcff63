package events_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/client"
	"minke/client/events"
	"minke/client/fake"
)

type want struct {
	message string
	count   int32
}

// TestRecorder: what a recorder is told, and what then stands in the API.
func TestRecorder(t *testing.T) {
	tests := []struct {
		name string
		tell func(r *events.Recorder, pod *corev1.Pod)
		want []want
	}{
		{"the same event again raises the count", func(r *events.Recorder, pod *corev1.Pod) {
			for range 3 {
				r.Event(pod, corev1.EventTypeNormal, "Pulled", "pulled %s", "a")
			}
		}, []want{{"pulled a", 3}}},
		{"different events in one instant are kept apart", func(r *events.Recorder, pod *corev1.Pod) {
			r.Event(pod, corev1.EventTypeNormal, "Created", "created")
			r.Event(pod, corev1.EventTypeNormal, "Started", "started")
		}, []want{{"created", 1}, {"started", 1}}},
		{"the eleventh similar one is combined with what follows", func(r *events.Recorder, pod *corev1.Pod) {
			for i := range 12 {
				r.Event(pod, corev1.EventTypeNormal, "SuccessfulCreate", "created pod %02d", i)
			}
		}, append(numbered(10), want{"(combined from similar events): created pod 11", 2})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := fake.New().Guarded(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := events.NewRecorder(api, "test", "")
				go r.Run(ctx)
				tt.tell(r, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}})
				synctest.Wait()
				list, _, err := client.Of(api, client.Events).List(ctx, "default", metav1.ListOptions{})
				if err != nil {
					t.Fatal(err)
				}
				got := map[want]bool{}
				for _, e := range list {
					got[want{e.Message, e.Count}] = true
				}
				for _, w := range tt.want {
					if !got[w] {
						t.Errorf("wanted %v, got %v", w, got)
					}
				}
				if len(list) != len(tt.want) {
					t.Errorf("wanted %d events, got %v", len(tt.want), got)
				}
			})
		})
	}
}

func numbered(n int) (out []want) {
	for i := range n {
		out = append(out, want{fmt.Sprintf("created pod %02d", i), 1})
	}
	return out
}
