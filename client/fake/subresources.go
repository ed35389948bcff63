package fake

import (
	"fmt"
	"reflect"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/client"
)

// post serves the subresources that act.
func (s *Server) post(t *table, r *client.Request) (runtime.Object, error) {
	obj, err := t.find(r)
	if err != nil {
		return nil, err
	}
	switch body := r.Body.(type) {
	case *corev1.Binding:
		return s.bind(t, obj.(*corev1.Pod), body)
	case *policyv1.Eviction:
		o := body.DeleteOptions
		if o == nil {
			o = &metav1.DeleteOptions{}
		}
		_, err := s.delete(t, obj, o)
		return &metav1.Status{Status: metav1.StatusSuccess}, err
	case *authenticationv1.TokenRequest:
		seconds := int64(3600)
		if body.Spec.ExpirationSeconds != nil {
			seconds = *body.Spec.ExpirationSeconds
		}
		s.uids++
		body.Status.Token = fmt.Sprintf("token-%s-%d", r.Name, s.uids)
		body.Status.ExpirationTimestamp = metav1.NewTime(time.Now().Add(time.Duration(seconds) * time.Second))
		return body, nil
	}
	return nil, apierrors.NewMethodNotSupported(t.group(), "create "+r.Subresource)
}

func (s *Server) bind(t *table, pod *corev1.Pod, b *corev1.Binding) (runtime.Object, error) {
	if pod.Spec.NodeName != "" {
		return nil, apierrors.NewConflict(t.group(), pod.Name, fmt.Errorf("pod %s is already assigned to node %q", pod.Name, pod.Spec.NodeName))
	}
	if pod.DeletionTimestamp != nil {
		return nil, apierrors.NewConflict(t.group(), pod.Name, fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", pod.Name))
	}
	if b.UID != "" && b.UID != pod.UID {
		return nil, apierrors.NewConflict(t.group(), pod.Name, fmt.Errorf("the pod has another uid"))
	}
	next := pod.DeepCopy()
	next.Spec.NodeName = b.Target.Name
	for key, value := range b.Annotations {
		metav1.SetMetaDataAnnotation(&next.ObjectMeta, key, value)
	}
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}
	for i, c := range next.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			next.Status.Conditions = append(next.Status.Conditions[:i:i], next.Status.Conditions[i+1:]...)
			break
		}
	}
	next.Status.Conditions = append(next.Status.Conditions, scheduled)
	s.store(t, pod, next)
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// replicasOf returns the spec.replicas and status.replicas fields.
func replicasOf(obj client.Object) (spec *int32, set func(int32), status int32, err error) {
	v := reflect.ValueOf(obj).Elem()
	field := v.FieldByName("Spec")
	if field.IsValid() {
		field = field.FieldByName("Replicas")
	}
	if !field.IsValid() {
		return nil, nil, 0, apierrors.NewBadRequest(fmt.Sprintf("a %T has no scale", obj))
	}
	spec, _ = field.Interface().(*int32)
	return spec, func(n int32) { field.Set(reflect.ValueOf(&n)) }, int32(v.FieldByName("Status").FieldByName("Replicas").Int()), nil
}

func scaleOf(obj client.Object) (*autoscalingv1.Scale, error) {
	spec, _, status, err := replicasOf(obj)
	if err != nil {
		return nil, err
	}
	scale := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion()},
		Status:     autoscalingv1.ScaleStatus{Replicas: status},
	}
	if spec != nil {
		scale.Spec.Replicas = *spec
	}
	return scale, nil
}

func (s *Server) setScale(t *table, old client.Object, body runtime.Object) (runtime.Object, error) {
	scale, ok := body.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("a %T is no Scale", body))
	}
	next := old.DeepCopyObject().(client.Object)
	_, set, _, err := replicasOf(next)
	if err != nil {
		return nil, err
	}
	set(scale.Spec.Replicas)
	if scale.ResourceVersion != "" {
		next.SetResourceVersion(scale.ResourceVersion)
	}
	stored, err := s.replace(t, old, next, "")
	if err != nil {
		return nil, err
	}
	return scaleOf(stored.(client.Object))
}
