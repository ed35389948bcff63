package subresource

import (
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/request"
)

var (
	pods  = corev1.SchemeGroupVersion.WithResource("pods")
	nodes = corev1.SchemeGroupVersion.WithResource("nodes")
)

// binding gives a pod to a node, once and for all. It serves POST of bindings
// and of pods/NAME/binding.
func (s *Server) binding(w http.ResponseWriter, r *http.Request) error {
	info := request.InfoFrom(r.Context())
	var b corev1.Binding
	if err := s.Codec.Read(w, r, &b); err != nil {
		return err
	}
	name := info.Name
	if name == "" {
		name = b.Name
	}
	if b.Namespace != "" && b.Namespace != info.Namespace {
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	b.Namespace = info.Namespace
	attributes := &admission.Attributes{
		Operation: admission.Create, Subresource: "binding", Namespace: info.Namespace, Name: name,
		User: request.UserFrom(r.Context()), Object: &b, DryRun: dryRun(r),
		Version: admission.Version{Kind: corev1.SchemeGroupVersion.WithKind("Binding")},
	}
	if err := s.mutate(r.Context(), attributes, "pods"); err != nil {
		return err
	}
	b = *attributes.Object.(*corev1.Binding)
	if b.Name != name {
		return apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if err := checkBinding(&b, name); err != nil {
		return err
	}
	if err := s.validate(r.Context(), attributes); err != nil {
		return err
	}
	bind := func(o api.Object) error { return s.bind(o.(*corev1.Pod), &b) }
	if dryRun(r) {
		obj, err := s.Reader.Get(r.Context(), pods, info.Namespace, name)
		if err != nil {
			return err
		}
		if err := bind(obj.DeepCopyObject().(*corev1.Pod)); err != nil {
			return err
		}
		return s.done(w, r)
	}
	if _, err := s.Updater.Update(r.Context(), pods, info.Namespace, name, bind); err != nil {
		return err
	}
	return s.done(w, r)
}

func checkBinding(b *corev1.Binding, name string) error {
	var errs field.ErrorList
	target := field.NewPath("target")
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Binding"}, name, errs)
	}
	return nil
}

// bind changes pod, or says why it cannot be bound.
func (s *Server) bind(pod *corev1.Pod, b *corev1.Binding) error {
	conflict := func(text string, args ...any) error {
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, pod.Name, fmt.Errorf(text, args...))
	}
	switch {
	case b.UID != "" && b.UID != pod.UID:
		return conflict("Precondition failed: UID in precondition: %v, UID in object meta: %v", b.UID, pod.UID)
	case b.ResourceVersion != "" && b.ResourceVersion != pod.ResourceVersion:
		return conflict("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", b.ResourceVersion, pod.ResourceVersion)
	case pod.DeletionTimestamp != nil:
		return conflict("pod %s is being deleted, cannot be assigned to a host", pod.Name)
	case pod.Spec.NodeName != "":
		return conflict("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)
	case len(pod.Spec.SchedulingGates) > 0:
		return conflict("pod %v has non-empty .spec.schedulingGates", pod.Name)
	}
	pod.Spec.NodeName = b.Target.Name
	pod.Annotations = added(pod.Annotations, b.Annotations)
	pod.Labels = added(pod.Labels, b.Labels)
	setCondition(pod, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(s.Now()),
	})
	pod.Status.NominatedNodeName = ""
	return nil
}

func added(have, more map[string]string) map[string]string {
	if have == nil && len(more) > 0 {
		have = map[string]string{}
	}
	for k, v := range more {
		have[k] = v
	}
	return have
}

// setCondition puts c in place of the pod's condition of that type.
func setCondition(pod *corev1.Pod, c corev1.PodCondition) {
	for i := range pod.Status.Conditions {
		old := &pod.Status.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		*old = c
		return
	}
	pod.Status.Conditions = append(pod.Status.Conditions, c)
}
