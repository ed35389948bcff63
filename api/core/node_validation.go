package core

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"minke/api"
)

func validateNode(n *corev1.Node) field.ErrorList {
	path := field.NewPath("spec")
	// Kubernetes names the taints as if they were metadata.
	errs := validateTaints(n.Spec.Taints, field.NewPath("metadata", "taints"))
	errs = append(errs, nodeResources(n)...)
	errs = append(errs, declaredFeatures(n.Status.DeclaredFeatures)...)
	if swap := n.Status.NodeInfo.Swap; swap != nil && swap.Capacity != nil && *swap.Capacity <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "nodeSwapStatus", "capacity"), *swap.Capacity, notPositiveMessage))
	}
	return append(errs, podCIDRs(n.Spec.PodCIDRs, nil, path.Child("podCIDRs"))...)
}

// podCIDRs checks the ranges of a node's pods. Those of before may be of a form that
// is no longer taken.
func podCIDRs(ranges, before []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, cidr := range ranges {
		errs = append(errs, legacyCIDR(path.Index(i), cidr, before...)...)
	}
	if len(ranges) < 2 {
		return errs
	}
	both, err := netutils.IsDualStackCIDRStrings(ranges)
	if err != nil {
		errs = append(errs, field.InternalError(path, fmt.Errorf("invalid PodCIDRs. failed to check with dual stack with error:%w", err)))
	}
	if !both || len(ranges) > 2 {
		errs = append(errs, field.Invalid(path, ranges, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

// declaredFeature is the form of a feature that a node declares (KEP-5328).
var declaredFeature = regexp.MustCompile(`^[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*$`)

// declaredFeatures checks the names that a node declares, and that they are in order.
func declaredFeatures(names []string) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "declaredFeatures")
	for i, name := range names {
		if i > 0 && name == names[i-1] {
			errs = append(errs, field.Duplicate(path.Index(i), name))
		} else if i > 0 && name < names[i-1] {
			errs = append(errs, field.Invalid(path.Index(i), name, "list must be sorted alphabetically"))
		}
		switch {
		case len(name) > validation.DNS1123SubdomainMaxLength:
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must be no more than %d characters", name, validation.DNS1123SubdomainMaxLength)))
		case !declaredFeature.MatchString(name):
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes", name)))
		}
	}
	return errs
}

func nodeResources(n *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	for _, list := range []struct {
		name   string
		values corev1.ResourceList
	}{{"capacity", n.Status.Capacity}, {"allocatable", n.Status.Allocatable}} {
		for _, name := range sorted(list.values) {
			errs = append(errs, quantityOf(name, list.values[name], field.NewPath("status", list.name, string(name)))...)
		}
	}
	return errs
}

func validateTaints(taints []corev1.Taint, path *field.Path) field.ErrorList {
	type identity struct {
		key    string
		effect corev1.TaintEffect
	}
	var errs field.ErrorList
	seen := map[identity]bool{}
	for i, t := range taints {
		at := path.Index(i)
		errs = append(errs, metav1validation.ValidateLabelName(t.Key, at.Child("key"))...)
		if msgs := validation.IsValidLabelValue(t.Value); len(msgs) > 0 {
			errs = append(errs, field.Invalid(at.Child("value"), t.Value, strings.Join(msgs, ";")))
		}
		errs = append(errs, taintEffect(at.Child("effect"), t.Effect)...)
		key := identity{t.Key, t.Effect}
		if seen[key] {
			duplicate := field.Duplicate(at, api.Untagged(t))
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		}
		seen[key] = true
	}
	return errs
}

func validateNodeUpdate(n, old *corev1.Node) field.ErrorList {
	return append(validateNode(n), nodeChanges(n, old)...)
}

func validateNodeStatus(n, old *corev1.Node) field.ErrorList {
	errs := append(nodeResources(n), declaredFeatures(n.Status.DeclaredFeatures)...)
	return append(errs, nodeChanges(n, old)...)
}

// nodeChanges are what updates may not do, and addresses, which only they have.
func nodeChanges(n, old *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	addresses := map[corev1.NodeAddress]bool{}
	for i, a := range n.Status.Addresses {
		if addresses[a] {
			errs = append(errs, field.Duplicate(field.NewPath("status", "addresses").Index(i), struct {
				Type    corev1.NodeAddressType
				Address string
			}{a.Type, a.Address}))
		}
		addresses[a] = true
	}
	const fixed = "node updates may not change podCIDR except from \"\" to valid"
	if len(old.Spec.PodCIDRs) > 0 && len(old.Spec.PodCIDRs) != len(n.Spec.PodCIDRs) {
		errs = append(errs, field.Forbidden(path.Child("podCIDRs"), fixed))
	} else {
		for i, cidr := range old.Spec.PodCIDRs {
			if cidr != n.Spec.PodCIDRs[i] {
				errs = append(errs, field.Forbidden(path.Child("podCIDRs"), fixed))
			}
		}
	}
	if id := old.Spec.ProviderID; id != "" && n.Spec.ProviderID != id {
		verb := "modified"
		if n.Spec.ProviderID == "" {
			verb = "cleared"
		}
		errs = append(errs, field.Invalid(path.Child("providerID"), nil, "field cannot be "+verb+" once set"))
	}
	if n.Spec.DoNotUseExternalID != old.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(path.Child("externalID"), "may not be updated"))
	}
	return errs
}
