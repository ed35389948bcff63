package client

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"weak"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Objects that were replaced are held by nobody, whatever nodes of the view's
// tree were split before.
func TestReplacedObjectsGo(t *testing.T) {
	const n = 5000
	v := newView(nil, viewKey{}, selection{}, slog.Default())
	pod := func(i int) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%05d", i)}}
	}
	var first []weak.Pointer[corev1.Pod]
	for i := range n {
		p := pod(i)
		first = append(first, weak.Make(p))
		v.put(p)
	}
	for i := range n {
		v.put(pod(i))
	}
	runtime.GC()
	held := 0
	for _, p := range first {
		if p.Value() != nil {
			held++
		}
	}
	if held > n/4 {
		t.Errorf("%d of %d replaced objects are still held", held, n)
	}
	runtime.KeepAlive(v)
}
