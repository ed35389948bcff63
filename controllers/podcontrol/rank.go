package podcontrol

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// SortForDeletion puts those pods first that are missed least, by Kubernetes'
// ranking. related are the active pods of the same application, which the
// ranking spreads over nodes.
func SortForDeletion(pods, related []*corev1.Pod, now time.Time) {
	neighbours := map[string]int{}
	for _, pod := range related {
		neighbours[pod.Spec.NodeName]++
	}
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(
			before(a.Spec.NodeName == "", b.Spec.NodeName == ""),
			cmp.Compare(phaseRank(a), phaseRank(b)),
			before(!Ready(a), !Ready(b)),
			cmp.Compare(deletionCost(a), deletionCost(b)),
			-cmp.Compare(neighbours[a.Spec.NodeName], neighbours[b.Spec.NodeName]),
			readyRank(a, b, now),
			-cmp.Compare(restarts(a), restarts(b)),
			cmp.Compare(ageRank(a.CreationTimestamp.Time, now), ageRank(b.CreationTimestamp.Time, now)),
			cmp.Compare(a.UID, b.UID),
		)
	})
}

func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func phaseRank(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return 2
	case corev1.PodUnknown:
		return 1
	}
	return 0
}

func deletionCost(pod *corev1.Pod) int64 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return cost
}

func readyRank(a, b *corev1.Pod, now time.Time) int {
	if !Ready(a) || !Ready(b) {
		return 0
	}
	return cmp.Compare(
		ageRank(Condition(a, corev1.PodReady).LastTransitionTime.Time, now),
		ageRank(Condition(b, corev1.PodReady).LastTransitionTime.Time, now))
}

// ageRank buckets ages by powers of two (KEP-2185), so that pods of about the
// same age count as equal and it is chance which of them goes.
func ageRank(t, now time.Time) int {
	age := now.Sub(t)
	if age < 1 {
		return 0
	}
	return int(math.Log2(float64(age)))
}

func restarts(pod *corev1.Pod) int32 {
	most := int32(0)
	for _, c := range pod.Status.ContainerStatuses {
		most = max(most, c.RestartCount)
	}
	return most
}
