package resource

import (
	"slices"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"

	"minke/api"
)

func claimColumns() []api.Column[*resourcev1.ResourceClaim] {
	return []api.Column[*resourcev1.ResourceClaim]{
		{Name: "State", Cell: func(c *resourcev1.ResourceClaim) any { return claimState(c) }},
		api.AgeColumn[*resourcev1.ResourceClaim](),
	}
}

func claimState(c *resourcev1.ResourceClaim) string {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	if c.Status.Allocation == nil {
		if c.DeletionTimestamp == nil {
			states = append(states, "pending")
		}
		return strings.Join(states, ",")
	}
	states = append(states, "allocated")
	if len(c.Status.ReservedFor) > 0 {
		states = append(states, "reserved")
	}
	return strings.Join(slices.Compact(states), ",")
}

func claimTemplateColumns() []api.Column[*resourcev1.ResourceClaimTemplate] {
	return []api.Column[*resourcev1.ResourceClaimTemplate]{api.AgeColumn[*resourcev1.ResourceClaimTemplate]()}
}

func classColumns() []api.Column[*resourcev1.DeviceClass] {
	return []api.Column[*resourcev1.DeviceClass]{api.AgeColumn[*resourcev1.DeviceClass]()}
}

func sliceColumns() []api.Column[*resourcev1.ResourceSlice] {
	return []api.Column[*resourcev1.ResourceSlice]{
		{Name: "Node", Cell: func(s *resourcev1.ResourceSlice) any { return nodeOf(s) }},
		{Name: "Driver", Cell: func(s *resourcev1.ResourceSlice) any { return s.Spec.Driver }},
		{Name: "Pool", Cell: func(s *resourcev1.ResourceSlice) any { return s.Spec.Pool.Name }},
		api.AgeColumn[*resourcev1.ResourceSlice](),
	}
}

func nodeOf(s *resourcev1.ResourceSlice) string {
	if s.Spec.NodeName == nil {
		return ""
	}
	return *s.Spec.NodeName
}

func sliceFields() map[string]func(*resourcev1.ResourceSlice) string {
	return map[string]func(*resourcev1.ResourceSlice) string{
		"spec.nodeName": nodeOf,
		"spec.driver":   func(s *resourcev1.ResourceSlice) string { return s.Spec.Driver },
	}
}
