package deployment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

// split finds the set with the Deployment's template, the oldest if there are
// several, and the others, oldest first.
func split(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) (*appsv1.ReplicaSet, []*appsv1.ReplicaSet) {
	sorted := slices.Clone(sets)
	slices.SortFunc(sorted, byAge)
	var newSet *appsv1.ReplicaSet
	var old []*appsv1.ReplicaSet
	for _, rs := range sorted {
		if newSet == nil && sameTemplate(&rs.Spec.Template, &d.Spec.Template) {
			newSet = rs
		} else {
			old = append(old, rs)
		}
	}
	return newSet, old
}

func byAge(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// sameTemplate compares two templates without the label that we add.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	return equality.Semantic.DeepEqual(withoutHash(a), withoutHash(b))
}

func withoutHash(t *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	if _, ok := t.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; !ok {
		return t
	}
	t = t.DeepCopy()
	delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return t
}

// templateHash names a template. The same template and collision count give
// the same hash in every version of Minke: JSON orders keys and leaves out
// what is not set.
func templateHash(t *corev1.PodTemplateSpec, collisions *int32) (string, error) {
	text, err := json.Marshal(withoutHash(t))
	if err != nil {
		return "", fmt.Errorf("hash the pod template: %w", err)
	}
	h := fnv.New32a()
	h.Write(text)
	if collisions != nil {
		fmt.Fprintf(h, "/%d", *collisions)
	}
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32())), nil
}

func wantedReplicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

func replicas(rs *appsv1.ReplicaSet) int32 {
	switch {
	case rs == nil:
		return 0
	case rs.Spec.Replicas == nil:
		return 1
	}
	return *rs.Spec.Replicas
}

func sum(sets []*appsv1.ReplicaSet, of func(*appsv1.ReplicaSet) int32) int32 {
	total := int32(0)
	for _, rs := range sets {
		if rs != nil {
			total += of(rs)
		}
	}
	return total
}

// all returns the old sets and the new one, if there is one.
func (r *rollout) all() []*appsv1.ReplicaSet {
	if r.newSet == nil {
		return r.old
	}
	return append(slices.Clone(r.old), r.newSet)
}

// bounds returns how many pods may be above and how many may be missing below
// the wanted number. Both zero would never move: then one may be missing.
func bounds(d *appsv1.Deployment) (surge, unavailable int32) {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, 0
	}
	quarter := intstr.FromString("25%")
	s, u := &quarter, &quarter
	if ru := d.Spec.Strategy.RollingUpdate; ru != nil {
		s, u = cmp.Or(ru.MaxSurge, s), cmp.Or(ru.MaxUnavailable, u)
	}
	wanted := int(wantedReplicas(d))
	// Validation has refused what cannot be scaled; zero is the safe reading.
	up, _ := intstr.GetScaledValueFromIntOrPercent(s, wanted, true)
	down, _ := intstr.GetScaledValueFromIntOrPercent(u, wanted, false)
	if up <= 0 && down <= 0 {
		down = 1
	}
	return int32(max(up, 0)), int32(min(max(down, 0), wanted))
}
