package core

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPhaseTransition: a volume's time of transition is the server's unless the
// client sets another.
func TestPhaseTransition(t *testing.T) {
	before, own := metav1.Unix(1, 0), metav1.Unix(2, 0)
	for name, c := range map[string]struct {
		phase corev1.PersistentVolumePhase
		said  *metav1.Time
		want  *metav1.Time // nil for now
	}{
		"same phase, nothing said":   {corev1.VolumeBound, nil, &before},
		"same phase, another time":   {corev1.VolumeBound, &own, &own},
		"other phase, nothing said":  {corev1.VolumeReleased, nil, nil},
		"other phase, the same time": {corev1.VolumeReleased, &before, nil},
		"other phase, another time":  {corev1.VolumeReleased, &own, &own},
	} {
		old := &corev1.PersistentVolume{Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound, LastPhaseTransitionTime: &before}}
		v := &corev1.PersistentVolume{Status: corev1.PersistentVolumeStatus{Phase: c.phase, LastPhaseTransitionTime: c.said}}
		persistentVolumeStatus(v, old)
		got := v.Status.LastPhaseTransitionTime
		if c.want != nil && !got.Equal(c.want) || c.want == nil && got.Before(&metav1.Time{Time: time.Unix(3, 0)}) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestDeclaredFeatures(t *testing.T) {
	for name, c := range map[string]struct {
		features []string
		want     string
	}{
		"in order":   {[]string{"A", "B/c", "C1"}, ""},
		"twice":      {[]string{"A", "A"}, `status.declaredFeatures[1]: Duplicate value: "A"`},
		"disordered": {[]string{"B", "A"}, `status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically`},
		"no name":    {[]string{"a"}, `status.declaredFeatures[0]: Invalid value: "a": invalid feature name "a": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`},
	} {
		got := ""
		if err := declaredFeatures(c.features).ToAggregate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
