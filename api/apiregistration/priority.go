package apiregistration

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Priority ranks a group version: groups with a higher Group come first in
// discovery, and within a group the versions with a higher Version.
type Priority struct{ Group, Version int32 }

// CustomPriority is that of group versions which CustomResourceDefinitions
// make.
var CustomPriority = Priority{1000, 100}

// groupPriorities are Kubernetes' own figures.
var groupPriorities = map[string]int32{
	"":                             18000,
	apiregistrationv1.GroupName:    17900,
	"apps":                         17800,
	"events.k8s.io":                17750,
	"authentication.k8s.io":        17700,
	"authorization.k8s.io":         17600,
	"autoscaling":                  17500,
	"batch":                        17400,
	"certificates.k8s.io":          17300,
	"networking.k8s.io":            17200,
	"policy":                       17100,
	"rbac.authorization.k8s.io":    17000,
	"storage.k8s.io":               16800,
	"admissionregistration.k8s.io": 16700,
	"apiextensions.k8s.io":         16700,
	"scheduling.k8s.io":            16600,
	"coordination.k8s.io":          16500,
	"node.k8s.io":                  16300,
	"discovery.k8s.io":             16200,
	"resource.k8s.io":              16200,
	"flowcontrol.apiserver.k8s.io": 16100,
	"internal.apiserver.k8s.io":    16000,
	"storagemigration.k8s.io":      15800,
	// Only old clients ask for it.
	"extensions": 100,
}

// versionPriorities are those that do not follow from the version's name.
var versionPriorities = map[schema.GroupVersion]int32{
	{Version: "v1"}:                                              1,
	{Group: "autoscaling", Version: "v2"}:                        30,
	{Group: "autoscaling", Version: "v2beta1"}:                   9,
	{Group: "autoscaling", Version: "v2beta2"}:                   1,
	{Group: "events.k8s.io", Version: "v1beta1"}:                 5,
	{Group: "batch", Version: "v2alpha1"}:                        9,
	{Group: "admissionregistration.k8s.io", Version: "v1beta1"}:  12,
	{Group: "admissionregistration.k8s.io", Version: "v1alpha1"}: 9,
	{Group: "coordination.k8s.io", Version: "v1beta1"}:           13,
	{Group: "coordination.k8s.io", Version: "v1alpha2"}:          12,
	{Group: "discovery.k8s.io", Version: "v1beta1"}:              12,
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"}:       21,
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta3"}:  18,
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta2"}:  15,
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta1"}:  12,
	{Group: "internal.apiserver.k8s.io", Version: "v1alpha1"}:    9,
	{Group: "scheduling.k8s.io", Version: "v1alpha3"}:            3,
	{Group: "resource.k8s.io", Version: "v1"}:                    21,
	{Group: "resource.k8s.io", Version: "v1beta2"}:               15,
	{Group: "extensions", Version: "v1beta1"}:                    1,
}

// PriorityOf ranks a group version; those that are not Kubernetes' own are
// taken for custom ones.
func PriorityOf(gv schema.GroupVersion) Priority {
	group, known := groupPriorities[gv.Group]
	if !known {
		return CustomPriority
	}
	if v, special := versionPriorities[gv]; special {
		return Priority{group, v}
	}
	switch {
	case strings.Contains(gv.Version, "alpha"):
		return Priority{group, 1}
	case strings.Contains(gv.Version, "beta"):
		return Priority{group, 9}
	}
	return Priority{group, 15}
}
