package core

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

func eventFields() map[string]func(*corev1.Event) string {
	set := map[string]func(*corev1.Event) string{
		"reason":              func(e *corev1.Event) string { return e.Reason },
		"type":                func(e *corev1.Event) string { return e.Type },
		"reportingComponent":  func(e *corev1.Event) string { return e.ReportingController },
		"reportingController": func(e *corev1.Event) string { return e.ReportingController },
		"source": func(e *corev1.Event) string {
			if e.Source.Component == "" {
				return e.ReportingController
			}
			return e.Source.Component
		},
	}
	for name, value := range map[string]func(*corev1.Event) string{
		"kind":            func(e *corev1.Event) string { return e.InvolvedObject.Kind },
		"namespace":       func(e *corev1.Event) string { return e.InvolvedObject.Namespace },
		"name":            func(e *corev1.Event) string { return e.InvolvedObject.Name },
		"uid":             func(e *corev1.Event) string { return string(e.InvolvedObject.UID) },
		"apiVersion":      func(e *corev1.Event) string { return e.InvolvedObject.APIVersion },
		"resourceVersion": func(e *corev1.Event) string { return e.InvolvedObject.ResourceVersion },
		"fieldPath":       func(e *corev1.Event) string { return e.InvolvedObject.FieldPath },
	} {
		set["involvedObject."+name] = value
		// events.k8s.io/v1 calls the object regarding.
		set["regarding."+name] = value
	}
	return set
}

func nodeFields() map[string]func(*corev1.Node) string {
	return map[string]func(*corev1.Node) string{
		"spec.unschedulable": func(n *corev1.Node) string { return strconv.FormatBool(n.Spec.Unschedulable) },
	}
}

func namespaceFields() map[string]func(*corev1.Namespace) string {
	phase := func(n *corev1.Namespace) string { return string(n.Status.Phase) }
	return map[string]func(*corev1.Namespace) string{"status.phase": phase, "name": func(n *corev1.Namespace) string { return n.Name }}
}

func secretFields() map[string]func(*corev1.Secret) string {
	return map[string]func(*corev1.Secret) string{"type": func(s *corev1.Secret) string { return string(s.Type) }}
}

func serviceFields() map[string]func(*corev1.Service) string {
	return map[string]func(*corev1.Service) string{
		"spec.clusterIP": func(s *corev1.Service) string { return s.Spec.ClusterIP },
		"spec.type":      func(s *corev1.Service) string { return string(s.Spec.Type) },
	}
}

func replicationControllerFields() map[string]func(*corev1.ReplicationController) string {
	return map[string]func(*corev1.ReplicationController) string{
		"status.replicas": func(rc *corev1.ReplicationController) string { return strconv.Itoa(int(rc.Status.Replicas)) },
	}
}
