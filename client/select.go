package client

import (
	"fmt"
	"strconv"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Fields reads obj's fields as field selectors name them, without building a map.
func Fields(obj Object) fields.Fields { return objectFields{obj} }

type objectFields struct{ obj Object }

func (f objectFields) Has(field string) bool {
	_, ok := f.lookup(field)
	return ok
}

func (f objectFields) Get(field string) string {
	value, _ := f.lookup(field)
	return value
}

func (f objectFields) lookup(field string) (string, bool) {
	switch field {
	case "metadata.name":
		return f.obj.GetName(), true
	case "metadata.namespace":
		return f.obj.GetNamespace(), true
	}
	switch obj := f.obj.(type) {
	case *corev1.Pod:
		return podField(obj, field)
	case *corev1.Event:
		return eventField(obj, field)
	case *corev1.Node:
		return strconv.FormatBool(obj.Spec.Unschedulable), field == "spec.unschedulable"
	case *corev1.Secret:
		return string(obj.Type), field == "type"
	case *corev1.Namespace:
		return string(obj.Status.Phase), field == "status.phase"
	case *certificatesv1.ClusterTrustBundle:
		return obj.Spec.SignerName, field == "spec.signerName"
	case *certificatesv1.PodCertificateRequest:
		return requestField(obj, field)
	}
	return "", false
}

func requestField(r *certificatesv1.PodCertificateRequest, field string) (string, bool) {
	switch field {
	case "spec.nodeName":
		return string(r.Spec.NodeName), true
	case "spec.podName":
		return r.Spec.PodName, true
	case "spec.signerName":
		return r.Spec.SignerName, true
	}
	return "", false
}

func podField(pod *corev1.Pod, field string) (string, bool) {
	switch field {
	case "spec.nodeName":
		return pod.Spec.NodeName, true
	case "spec.restartPolicy":
		return string(pod.Spec.RestartPolicy), true
	case "spec.schedulerName":
		return pod.Spec.SchedulerName, true
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, true
	case "spec.hostNetwork":
		return strconv.FormatBool(pod.Spec.HostNetwork), true
	case "status.phase":
		return string(pod.Status.Phase), true
	case "status.podIP":
		return pod.Status.PodIP, true
	case "status.nominatedNodeName":
		return pod.Status.NominatedNodeName, true
	}
	return "", false
}

func eventField(event *corev1.Event, field string) (string, bool) {
	switch field {
	case "involvedObject.kind":
		return event.InvolvedObject.Kind, true
	case "involvedObject.namespace":
		return event.InvolvedObject.Namespace, true
	case "involvedObject.name":
		return event.InvolvedObject.Name, true
	case "involvedObject.uid":
		return string(event.InvolvedObject.UID), true
	case "reason":
		return event.Reason, true
	case "type":
		return event.Type, true
	}
	return "", false
}

// selection is a parsed pair of selectors.
type selection struct {
	labels labels.Selector
	fields fields.Selector
}

func parseSelection(labelSelector, fieldSelector string) (selection, error) {
	l, err := labels.Parse(labelSelector)
	if err != nil {
		return selection{}, fmt.Errorf("parse label selector %q: %w", labelSelector, err)
	}
	f, err := fields.ParseSelector(fieldSelector)
	if err != nil {
		return selection{}, fmt.Errorf("parse field selector %q: %w", fieldSelector, err)
	}
	return selection{labels: l, fields: f}, nil
}

func (s selection) everything() bool { return s.labels.Empty() && s.fields.Empty() }

func (s selection) matches(obj runtime.Object) bool {
	o, ok := obj.(Object)
	return ok && (s.labels.Empty() || s.labels.Matches(labels.Set(o.GetLabels()))) &&
		(s.fields.Empty() || s.fields.Matches(Fields(o)))
}
