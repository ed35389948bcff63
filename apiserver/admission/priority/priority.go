// Package priority resolves the name of a pod's priority class into its number.
package priority

import (
	"context"
	"errors"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/admission"
)

// Reader reads stored objects.
type Reader interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	Snapshot(resource schema.GroupVersionResource, namespace string) (iter.Seq[runtime.Object], string, error)
}

// Plugin is the admission plug-in.
type Plugin struct{ Reader Reader }

var (
	_ admission.Mutator   = (*Plugin)(nil)
	_ admission.Validator = (*Plugin)(nil)
)

var classes = schedulingv1.SchemeGroupVersion.WithResource("priorityclasses")

// The classes that every cluster has.
const (
	ClusterCritical = "system-cluster-critical"
	NodeCritical    = "system-node-critical"
)

var errSystem = errors.New("this is a system priority class and cannot be deleted")

// Bootstrap returns the classes that every cluster has.
func Bootstrap() []api.Object {
	class := func(name string, value int32, text string) api.Object {
		policy := corev1.PreemptLowerPriority
		return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, Description: text, PreemptionPolicy: &policy}
	}
	return []api.Object{
		class(NodeCritical, 2000001000, "Used for system critical pods that must not be moved from their current node."),
		class(ClusterCritical, 2000000000, "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."),
	}
}

// Admit implements admission.Mutator.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Subresource != "" {
		return nil
	}
	if a.Operation == admission.Update {
		keep(pod, a.Old)
		return nil
	}
	if a.Operation != admission.Create {
		return nil
	}
	forbid := func(err error) error { return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err) }
	class, err := p.classOf(ctx, pod)
	if err != nil {
		if apierrors.IsNotFound(err) {
			return forbid(fmt.Errorf("no PriorityClass with name %v was found", pod.Spec.PriorityClassName))
		}
		return err
	}
	var value int32
	policy := corev1.PreemptLowerPriority
	if class != nil {
		value, pod.Spec.PriorityClassName = class.Value, class.Name
		if class.PreemptionPolicy != nil {
			policy = *class.PreemptionPolicy
		}
	}
	if given := pod.Spec.Priority; given != nil && *given != value {
		return forbid(fmt.Errorf("the integer value of priority (%d) must not be provided in pod spec; priority admission controller computed %d from the given PriorityClass name", *given, value))
	}
	pod.Spec.Priority = &value
	if given := pod.Spec.PreemptionPolicy; given != nil && *given != policy {
		return forbid(fmt.Errorf("the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority admission controller computed %s from the given PriorityClass name", *given, policy))
	}
	pod.Spec.PreemptionPolicy = &policy
	return nil
}

// keep fills in what Admit gave a pod, for who writes it anew from a manifest.
func keep(pod *corev1.Pod, old api.Object) {
	before, ok := old.(*corev1.Pod)
	if !ok {
		return
	}
	if pod.Spec.Priority == nil && before.Spec.Priority != nil {
		value := *before.Spec.Priority
		pod.Spec.Priority = &value
	}
	if pod.Spec.PreemptionPolicy == nil && before.Spec.PreemptionPolicy != nil {
		policy := *before.Spec.PreemptionPolicy
		pod.Spec.PreemptionPolicy = &policy
	}
}

// classOf returns the pod's class, or the default one, or nil for none.
func (p *Plugin) classOf(ctx context.Context, pod *corev1.Pod) (*schedulingv1.PriorityClass, error) {
	if pod.Spec.PriorityClassName == "" {
		return p.global("")
	}
	obj, err := p.Reader.Get(ctx, classes, "", pod.Spec.PriorityClassName)
	if err != nil {
		return nil, err
	}
	return obj.(*schedulingv1.PriorityClass), nil
}

// global returns the class marked as default, the lowest if there are several,
// leaving out the one named except.
func (p *Plugin) global(except string) (*schedulingv1.PriorityClass, error) {
	all, _, err := p.Reader.Snapshot(classes, "")
	if err != nil {
		return nil, err
	}
	var found *schedulingv1.PriorityClass
	for obj := range all {
		class := obj.(*schedulingv1.PriorityClass)
		if class.GlobalDefault && class.Name != except && (found == nil || class.Value < found.Value) {
			found = class
		}
	}
	return found, nil
}

// Validate implements admission.Validator: only one class is the default, and
// those that every cluster has stay.
func (p *Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	if a.Operation == admission.Delete && a.Resource.GroupResource() == classes.GroupResource() && (a.Name == NodeCritical || a.Name == ClusterCritical) {
		return apierrors.NewForbidden(classes.GroupResource(), a.Name, errSystem)
	}
	class, ok := a.Object.(*schedulingv1.PriorityClass)
	if !ok || a.Operation == admission.Delete || !class.GlobalDefault {
		return nil
	}
	other, err := p.global(class.Name)
	if err != nil {
		return err
	}
	if other != nil {
		return apierrors.NewForbidden(a.Resource.GroupResource(), class.Name, fmt.Errorf("PriorityClass %v is already marked as default. Only one default can exist", other.Name))
	}
	return nil
}
