package eventratelimit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api/inprocess"
	"minke/apiserver/admission"
	"minke/apiserver/admission/admissiontest"
)

func event(namespace, user, object string) *admission.Attributes {
	a := admissiontest.Create(&corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "e"}, InvolvedObject: corev1.ObjectReference{Name: object}})
	a.User = &inprocess.User{Name: user}
	return a
}

func TestLimits(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, limit := range []string{server, namespace, user, sourceAndObject} {
		p, err := New([]byte("limits:\n- {type: "+limit+", qps: 1, burst: 2}\n"), func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		write := func(a *admission.Attributes) error { return admissiontest.Run(p, a) }
		same := event("a", "u", "o")
		for range 2 {
			if err := write(same); err != nil {
				t.Errorf("%s: the burst was refused: %v", limit, err)
			}
		}
		if err := write(same); !apierrors.IsTooManyRequests(err) || !strings.Contains(err.Error(), "limit reached on type "+limit+" for key") {
			t.Errorf("%s: beyond the burst: %v", limit, err)
		}
		for of, other := range map[string]*admission.Attributes{namespace: event("b", "u", "o"), user: event("a", "v", "o"), sourceAndObject: event("a", "u", "other")} {
			if got := write(other) == nil; got != (of == limit) {
				t.Errorf("%s: another %s allowed is %v", limit, of, got)
			}
		}
		dry := event("a", "u", "o")
		dry.DryRun = true
		if err := write(dry); err != nil {
			t.Errorf("%s: dry run: %v", limit, err)
		}
		now = now.Add(time.Second)
		if err := write(same); err != nil {
			t.Errorf("%s: a second later: %v", limit, err)
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	l := newLimiter(Limit{Type: user, QPS: 1, Burst: 1, CacheSize: 3}, func() time.Time { return time.Unix(0, 0) })
	for i := range 1000 {
		l.accept(fmt.Sprint(i))
	}
	if n := l.buckets.Len(); n != 3 {
		t.Errorf("%d buckets are kept, want 3", n)
	}
	if l.accept("999") {
		t.Error("the key used last was forgotten")
	}
}

func TestConfiguration(t *testing.T) {
	for _, bad := range []string{"", "limits: []", "limits: [{type: Planet, qps: 1, burst: 1}]", "limits: [{type: Server, qps: 0, burst: 1}]",
		"limits: [{type: Server, qps: 1}]", "limits: [{type: User, qps: 1, burst: 1, cacheSize: -1}]",
		"limits: [{type: Server, qps: 1, burst: 1}, {type: Server, qps: 1, burst: 1}]", "limit: []"} {
		if _, err := New([]byte(bad), nil); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
