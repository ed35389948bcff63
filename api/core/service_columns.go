package core

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"minke/api"
)

func serviceColumns() []api.Column[*corev1.Service] {
	return []api.Column[*corev1.Service]{
		{Name: "Type", Cell: func(s *corev1.Service) any { return string(s.Spec.Type) }},
		{Name: "Cluster-IP", Cell: func(s *corev1.Service) any {
			if len(s.Spec.ClusterIPs) > 0 {
				return s.Spec.ClusterIPs[0]
			}
			return api.OrNone(s.Spec.ClusterIP)
		}},
		{Name: "External-IP", Cell: func(s *corev1.Service) any { return externalIP(s) }},
		{Name: "Port(s)", Cell: func(s *corev1.Service) any { return servicePortList(s.Spec.Ports) }},
		api.AgeColumn[*corev1.Service](),
		{Name: "Selector", Priority: 1, Cell: func(s *corev1.Service) any { return labelList(s.Spec.Selector) }},
	}
}

// labelList writes labels as kubectl shows them.
func labelList(set map[string]string) string {
	return api.OrNone(labels.Set(set).String())
}

// externalIP is by what the service is reached from outside.
func externalIP(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return api.OrNone(strings.Join(s.Spec.ExternalIPs, ","))
	case corev1.ServiceTypeLoadBalancer:
		all := slices.Concat(ingressAddresses(s.Status.LoadBalancer.Ingress), s.Spec.ExternalIPs)
		if len(all) == 0 {
			return "<pending>"
		}
		return strings.Join(all, ",")
	}
	return api.Unknown
}

func ingressAddresses(ingress []corev1.LoadBalancerIngress) []string {
	var all []string
	for _, in := range ingress {
		switch {
		case in.IP != "":
			all = append(all, in.IP)
		case in.Hostname != "":
			all = append(all, in.Hostname)
		}
	}
	return all
}

func servicePortList(ports []corev1.ServicePort) string {
	parts := make([]string, len(ports))
	for i, p := range ports {
		parts[i] = fmt.Sprintf("%d/%s", p.Port, p.Protocol)
		if p.NodePort > 0 {
			parts[i] = fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
		}
	}
	return api.OrNone(strings.Join(parts, ","))
}
