// Package externalips refuses service addresses that the administrator does not
// own: with them, anybody who may create services could take traffic that is
// meant for others (CVE-2020-8554).
package externalips

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/admission"
)

// Plugin is the admission plug-in.
type Plugin struct {
	// Allowed are the ranges from which external addresses may come.
	Allowed []netip.Prefix
}

var _ admission.Validator = Plugin{}

// Validate implements admission.Validator. What a service has already stays.
func (p Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	service, ok := a.Object.(*corev1.Service)
	if !ok || a.Subresource != "" || a.Operation == admission.Delete {
		return nil
	}
	var before []string
	if old, ok := a.Old.(*corev1.Service); ok && old != nil {
		before = old.Spec.ExternalIPs
	}
	for _, text := range service.Spec.ExternalIPs {
		if !slices.Contains(before, text) && !p.allows(text) {
			name := cmp.Or(a.Name, service.GenerateName, "Unknown")
			return apierrors.NewForbidden(a.Resource.GroupResource(), name, fmt.Errorf("%s", denied))
		}
	}
	return nil
}

// denied is Kubernetes' text.
const denied = "Use of external IPs is denied by admission control"

func (p Plugin) allows(text string) bool {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	for _, prefix := range p.Allowed {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}
