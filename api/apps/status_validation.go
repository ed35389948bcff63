package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/core"
)

func validateDeploymentStatus(d, old *appsv1.Deployment) field.ErrorList {
	s := &d.Status
	errs := core.ReplicaCounts(status, s.ObservedGeneration, "readyReplicas", []core.Count{
		{Name: "replicas", N: s.Replicas}, {Name: "updatedReplicas", N: s.UpdatedReplicas},
		{Name: "readyReplicas", N: s.ReadyReplicas}, {Name: "availableReplicas", N: s.AvailableReplicas},
	})
	errs = append(errs, apivalidation.ValidateNonnegativeField(int64(s.UnavailableReplicas), status.Child("unavailableReplicas"))...)
	errs = append(errs, terminating(s.TerminatingReplicas)...)
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount)...)
}

func validateReplicaSetStatus(r, _ *appsv1.ReplicaSet) field.ErrorList {
	s := &r.Status
	errs := core.ReplicaCounts(status, s.ObservedGeneration, "readyReplicas", []core.Count{
		{Name: "replicas", N: s.Replicas}, {Name: "fullyLabeledReplicas", N: s.FullyLabeledReplicas},
		{Name: "readyReplicas", N: s.ReadyReplicas}, {Name: "availableReplicas", N: s.AvailableReplicas},
	})
	return append(errs, terminating(s.TerminatingReplicas)...)
}

// terminating pods may be more than there are replicas: they are none any more.
func terminating(n *int32) field.ErrorList {
	if n == nil {
		return nil
	}
	return apivalidation.ValidateNonnegativeField(int64(*n), status.Child("terminatingReplicas"))
}

func validateDaemonSetStatus(d, old *appsv1.DaemonSet) field.ErrorList {
	s := &d.Status
	var errs field.ErrorList
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"currentNumberScheduled", int64(s.CurrentNumberScheduled)}, {"numberMisscheduled", int64(s.NumberMisscheduled)},
		{"desiredNumberScheduled", int64(s.DesiredNumberScheduled)}, {"numberReady", int64(s.NumberReady)},
		{"observedGeneration", s.ObservedGeneration}, {"updatedNumberScheduled", int64(s.UpdatedNumberScheduled)},
		{"numberAvailable", int64(s.NumberAvailable)}, {"numberUnavailable", int64(s.NumberUnavailable)},
	} {
		errs = append(errs, apivalidation.ValidateNonnegativeField(c.n, status.Child(c.name))...)
	}
	return append(errs, collisions(s.CollisionCount, old.Status.CollisionCount)...)
}
