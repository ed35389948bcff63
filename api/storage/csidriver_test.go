package storage

import (
	"testing"

	storagev1 "k8s.io/api/storage/v1"
)

// TestCSIDriverUpdate: another specification is another generation, and other
// tokens bring the advice about secrets.
func TestCSIDriverUpdate(t *testing.T) {
	yes := true
	asks := storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: "a"}}}
	secret := asks
	secret.ServiceAccountTokenInSecrets = &yes
	for _, c := range []struct {
		name       string
		spec, old  storagev1.CSIDriverSpec
		generation int64
		warnings   int
	}{
		{"nothing", storagev1.CSIDriverSpec{}, storagev1.CSIDriverSpec{}, 3, 0},
		{"tokens", asks, storagev1.CSIDriverSpec{}, 4, 1},
		{"the same tokens", asks, asks, 3, 0},
		{"tokens as secrets", secret, storagev1.CSIDriverSpec{}, 4, 0},
	} {
		d, old := &storagev1.CSIDriver{Spec: c.spec}, &storagev1.CSIDriver{Spec: c.old}
		old.Generation = 3
		csiDriverUpdate(d, old)
		if got := csiDriverWarnings(d, old); d.Generation != c.generation || len(got) != c.warnings {
			t.Errorf("%s: generation %d, warnings %q; want %d, %d of them", c.name, d.Generation, got, c.generation, c.warnings)
		}
	}
	if got := csiDriverWarnings(&storagev1.CSIDriver{Spec: asks}, nil); len(got) != 1 {
		t.Errorf("a new one: %q", got)
	}
	d := &storagev1.CSIDriver{}
	defaultCSIDriver(d)
	if p := d.Spec.PreventPodSchedulingIfMissing; p == nil || *p {
		t.Errorf("preventPodSchedulingIfMissing: %v", p)
	}
}
