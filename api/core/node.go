package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

func nodes() *api.Resource {
	return api.Definition[*corev1.Node]{
		Kind:             corev1.SchemeGroupVersion.WithKind("Node"),
		Plural:           "nodes",
		ShortNames:       []string{"no"},
		Cluster:          true,
		New:              api.New[corev1.Node],
		NewList:          api.NewList[corev1.NodeList],
		PrepareForCreate: nodeCreate,
		PrepareForUpdate: nodeUpdate,
		Subresources: map[string]api.Subresource[*corev1.Node]{
			"status": {Prepare: nodeStatus, ValidateUpdate: validateNodeStatus},
		},
		Default:        defaultNode,
		Fields:         nodeFields(),
		Columns:        nodeColumns(),
		Validate:       validateNode,
		ValidateUpdate: validateNodeUpdate,
		Warnings:       nodeWarnings,
	}.Resource()
}

// nodeCreate drops what is no more: the kubelet's configuration in a ConfigMap.
func nodeCreate(o *corev1.Node) {
	o.Spec.ConfigSource = nil
	o.Status.Config = nil
}

func nodeUpdate(o, old *corev1.Node) {
	o.Status = old.Status
	if old.Spec.ConfigSource == nil {
		o.Spec.ConfigSource = nil
	}
}

// nodeStatus lets the status subresource change nothing but the status.
func nodeStatus(o, old *corev1.Node) {
	o.Spec = old.Spec
	if old.Status.Config == nil {
		o.Status.Config = nil
	}
}

func nodeWarnings(o, _ *corev1.Node) []string {
	var all []string
	if o.Spec.ConfigSource != nil {
		all = append(all, "spec.configSource: the feature is removed")
	}
	if o.Spec.DoNotUseExternalID != "" {
		all = append(all, "spec.externalID: this field is deprecated, and is unused by Kubernetes")
	}
	for i, cidr := range o.Spec.PodCIDRs {
		all = append(all, validation.GetWarningsForCIDR(field.NewPath("spec", "podCIDRs").Index(i), cidr)...)
	}
	return all
}
