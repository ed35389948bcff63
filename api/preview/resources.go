package preview

import (
	apiserverinternalv1alpha1 "k8s.io/api/apiserverinternal/v1alpha1"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	resourcev1alpha3 "k8s.io/api/resource/v1alpha3"
	schedulingv1alpha3 "k8s.io/api/scheduling/v1alpha3"

	"minke/api"
)

// resources are those that have no stable version, each in the version in which
// it is stored.
func resources() []*api.Resource {
	all := []*api.Resource{
		leaseCandidates(),
		storageVersions(),
		resourcePoolStatusRequests(),
		podGroups(),
		workloads(),
	}
	for _, r := range all {
		r.Deprecated = deprecation(r.Kind, r.New())
	}
	return all
}

func leaseCandidates() *api.Resource {
	return api.Definition[*coordinationv1beta1.LeaseCandidate]{
		Kind:           coordinationv1beta1.SchemeGroupVersion.WithKind("LeaseCandidate"),
		Plural:         "leasecandidates",
		New:            api.New[coordinationv1beta1.LeaseCandidate],
		NewList:        api.NewList[coordinationv1beta1.LeaseCandidateList],
		CreateOnUpdate: true,
		ValidName:      validCandidateName,
		Validate:       validateLeaseCandidate,
		ValidateUpdate: validateLeaseCandidateUpdate,
		Fields: map[string]func(*coordinationv1beta1.LeaseCandidate) string{
			"spec.leaseName": func(c *coordinationv1beta1.LeaseCandidate) string { return c.Spec.LeaseName },
		},
		Columns: []api.Column[*coordinationv1beta1.LeaseCandidate]{
			{Name: "LeaseName", Cell: func(c *coordinationv1beta1.LeaseCandidate) any { return c.Spec.LeaseName }},
			{Name: "BinaryVersion", Cell: func(c *coordinationv1beta1.LeaseCandidate) any { return c.Spec.BinaryVersion }},
			{Name: "EmulationVersion", Cell: func(c *coordinationv1beta1.LeaseCandidate) any { return c.Spec.EmulationVersion }},
			{Name: "Age", Cell: func(c *coordinationv1beta1.LeaseCandidate) any { return c.CreationTimestamp }},
		},
	}.Resource()
}

func storageVersions() *api.Resource {
	type version = apiserverinternalv1alpha1.StorageVersion
	return api.Definition[*version]{
		Kind:             apiserverinternalv1alpha1.SchemeGroupVersion.WithKind("StorageVersion"),
		Plural:           "storageversions",
		Cluster:          true,
		New:              api.New[version],
		NewList:          api.NewList[apiserverinternalv1alpha1.StorageVersionList],
		PrepareForCreate: func(v *version) { v.Status = apiserverinternalv1alpha1.StorageVersionStatus{} },
		PrepareForUpdate: func(v, old *version) { v.Status = old.Status },
		Subresources: map[string]api.Subresource[*version]{
			"status": {Prepare: func(v, old *version) { v.Spec = old.Spec; api.KeepMetadata(v, old) }, ValidateUpdate: validateStorageVersionStatus},
		},
		Columns: []api.Column[*version]{
			{Name: "CommonEncodingVersion", Cell: func(v *version) any {
				if v.Status.CommonEncodingVersion == nil {
					return "<unset>"
				}
				return *v.Status.CommonEncodingVersion
			}},
			{Name: "StorageVersions", Cell: storageVersionsCell},
			{Name: "Age", Cell: func(v *version) any { return v.CreationTimestamp }},
		},
	}.Resource()
}

func resourcePoolStatusRequests() *api.Resource {
	type request = resourcev1alpha3.ResourcePoolStatusRequest
	return api.Definition[*request]{
		Kind:             resourcev1alpha3.SchemeGroupVersion.WithKind("ResourcePoolStatusRequest"),
		Plural:           "resourcepoolstatusrequests",
		Cluster:          true,
		New:              api.New[request],
		NewList:          api.NewList[resourcev1alpha3.ResourcePoolStatusRequestList],
		PrepareForCreate: func(r *request) { r.Status = nil },
		PrepareForUpdate: func(r, old *request) { r.Status = old.Status },
		Default: func(r *request) {
			api.FillPointer(&r.Spec.Limit, resourcev1alpha3.ResourcePoolStatusRequestLimitDefault)
		},
		Validate:       validatePoolRequest,
		ValidateUpdate: validatePoolRequestUpdate,
		Subresources: map[string]api.Subresource[*request]{
			"status": {Prepare: func(r, old *request) { r.Spec = old.Spec; api.KeepMetadata(r, old) }},
		},
	}.Resource()
}

func podGroups() *api.Resource {
	type group = schedulingv1alpha3.PodGroup
	return api.Definition[*group]{
		Kind:             schedulingv1alpha3.SchemeGroupVersion.WithKind("PodGroup"),
		Plural:           "podgroups",
		New:              api.New[group],
		NewList:          api.NewList[schedulingv1alpha3.PodGroupList],
		PrepareForCreate: func(g *group) { g.Status = schedulingv1alpha3.PodGroupStatus{} },
		PrepareForUpdate: func(g, old *group) { g.Status = old.Status },
		Validate:         validatePodGroup,
		ValidateUpdate:   validatePodGroupUpdate,
		Subresources: map[string]api.Subresource[*group]{
			"status": {Prepare: func(g, old *group) { g.Spec = old.Spec; api.KeepMetadata(g, old) }},
		},
	}.Resource()
}

func workloads() *api.Resource {
	return api.Definition[*schedulingv1alpha3.Workload]{
		Kind:           schedulingv1alpha3.SchemeGroupVersion.WithKind("Workload"),
		Plural:         "workloads",
		New:            api.New[schedulingv1alpha3.Workload],
		NewList:        api.NewList[schedulingv1alpha3.WorkloadList],
		Validate:       validateWorkload,
		ValidateUpdate: validateWorkloadUpdate,
	}.Resource()
}
