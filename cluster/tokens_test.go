package cluster

import (
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestTokenTracking: the day since when the use of tokens is noted stays, if it is one.
func TestTokenTracking(t *testing.T) {
	today := tokenTracking(time.Date(2026, 3, 2, 1, 0, 0, 0, time.FixedZone("", 2*60*60)))
	for name, c := range map[string]struct{ had, want map[string]string }{
		"an earlier day": {map[string]string{"since": "2020-01-02"}, nil},
		"no day":         {map[string]string{"since": "always"}, map[string]string{"since": "2026-03-01"}},
		"nothing":        {nil, map[string]string{"since": "2026-03-01"}},
	} {
		got := complete(&corev1.ConfigMap{Data: c.had}, today)
		switch {
		case c.want == nil && got != nil:
			t.Errorf("%s: became %v", name, got)
		case c.want != nil && (got == nil || !maps.Equal(got.(*corev1.ConfigMap).Data, c.want)):
			t.Errorf("%s: became %v, want %v", name, got, c.want)
		}
	}
}
