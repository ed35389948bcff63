package fake

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

// Do implements client.Interface.
func (s *Server) Do(ctx context.Context, r client.Request) (runtime.Object, error) {
	s.pause()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.chance(s.faults.Fail) {
		return nil, s.faults.failure()
	}
	t := s.table(r.Resource)
	write := r.Verb != "get" && r.Verb != "list"
	if write {
		s.requests = append(s.requests, r)
	}
	if (r.Verb == "update" || r.Verb == "patch") && s.faults.chance(s.faults.Conflict) {
		return nil, apierrors.NewConflict(t.group(), r.Name, fmt.Errorf("a fault of the test"))
	}
	answer, err := s.do(t, &r)
	if err == nil && write && s.faults.chance(s.faults.Lose) {
		return nil, s.faults.failure()
	}
	return answer, err
}

func (s *Server) do(t *table, r *client.Request) (runtime.Object, error) {
	switch r.Verb {
	case "get":
		return s.get(t, r)
	case "list":
		return s.list(t, r)
	case "create":
		if r.Subresource != "" {
			return s.post(t, r)
		}
		return s.create(t, r)
	case "update":
		return s.update(t, r)
	case "patch":
		return s.patch(t, r)
	case "delete":
		obj, err := t.find(r)
		if err != nil {
			return nil, err
		}
		return s.delete(t, obj, &r.Delete)
	case "deletecollection":
		return s.deleteCollection(t, r)
	}
	return nil, apierrors.NewMethodNotSupported(t.group(), r.Verb)
}

func (s *Server) get(t *table, r *client.Request) (runtime.Object, error) {
	obj, err := t.find(r)
	if err == nil && r.Subresource == "scale" {
		return scaleOf(obj)
	}
	if err != nil {
		return nil, err
	}
	return obj, nil
}

func (s *Server) list(t *table, r *client.Request) (runtime.Object, error) {
	selected, err := parse(r.List)
	if err != nil {
		return nil, err
	}
	list, err := client.Scheme.New(t.kind.GroupVersion().WithKind(t.kind.Kind + "List"))
	if err != nil {
		return nil, apierrors.NewNotFound(t.group(), "")
	}
	var objs []runtime.Object
	for _, obj := range t.in(r.Namespace) {
		if selected.matches(obj) {
			objs = append(objs, obj)
		}
	}
	if err := meta.SetList(list, objs); err != nil {
		return nil, err
	}
	list.(metav1.ListInterface).SetResourceVersion(strconv.FormatInt(s.revision, 10))
	return list, nil
}

// fillMeta gives obj what every stored object has.
func (s *Server) fillMeta(obj client.Object) {
	s.uids++
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		obj.SetName(fmt.Sprintf("%s%05x", obj.GetGenerateName(), s.uids))
	}
	if obj.GetUID() == "" {
		obj.SetUID(types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", s.uids)))
	}
	if c := obj.GetCreationTimestamp(); c.IsZero() {
		obj.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
	}
	if obj.GetGeneration() == 0 {
		obj.SetGeneration(1)
	}
}

func (s *Server) create(t *table, r *client.Request) (runtime.Object, error) {
	obj := r.Body.(client.Object)
	if r.Namespace != "" {
		obj.SetNamespace(r.Namespace)
		if s.gone[r.Namespace] {
			return nil, apierrors.NewNotFound(client.Namespaces.Resource.GroupResource(), r.Namespace)
		}
		ns := s.table(client.Namespaces.Resource).objects[client.Key{Name: r.Namespace}]
		if ns != nil && ns.GetDeletionTimestamp() != nil {
			err := apierrors.NewForbidden(t.group(), obj.GetName(), fmt.Errorf("unable to create new content in namespace %s because it is being terminated", r.Namespace))
			err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
			return nil, err
		}
	}
	obj.SetUID("")
	obj.SetGeneration(0)
	s.fillMeta(obj)
	if obj.GetName() == "" {
		return nil, apierrors.NewInvalid(t.kind.GroupKind(), "", nil)
	}
	if t.objects[client.KeyOf(obj)] != nil {
		return nil, apierrors.NewAlreadyExists(t.group(), obj.GetName())
	}
	if status := statusOf(obj); status.IsValid() {
		status.SetZero()
	}
	switch obj := obj.(type) {
	case *corev1.Pod:
		obj.Status.Phase = corev1.PodPending
	case *corev1.Namespace:
		obj.Status.Phase = corev1.NamespaceActive
		obj.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
	}
	return s.store(t, nil, obj), nil
}

// statusOf returns the Status field, or an invalid value.
func statusOf(obj client.Object) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName("Status")
}

func (s *Server) update(t *table, r *client.Request) (runtime.Object, error) {
	old, err := t.find(r)
	if err != nil {
		return nil, err
	}
	if r.Subresource == "scale" {
		return s.setScale(t, old, r.Body)
	}
	obj, ok := r.Body.(client.Object)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("a %T is no object", r.Body))
	}
	return s.replace(t, old, obj, r.Subresource)
}

// replace makes obj the new state of old, as far as the subresource may.
func (s *Server) replace(t *table, old, obj client.Object, subresource string) (runtime.Object, error) {
	if v := obj.GetResourceVersion(); v != "" && v != old.GetResourceVersion() {
		return nil, apierrors.NewConflict(t.group(), old.GetName(), fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	if uid := obj.GetUID(); uid != "" && uid != old.GetUID() {
		return nil, apierrors.NewConflict(t.group(), old.GetName(), fmt.Errorf("the uid is %v, not %v", old.GetUID(), uid))
	}
	next := obj
	switch subresource {
	case "status":
		next = old.DeepCopyObject().(client.Object)
		statusOf(next).Set(statusOf(obj))
		// An update of the status may bring metadata with it.
		next.SetAnnotations(obj.GetAnnotations())
		next.SetFinalizers(obj.GetFinalizers())
	case "finalize":
		next = old.DeepCopyObject().(client.Object)
		next.(*corev1.Namespace).Spec.Finalizers = obj.(*corev1.Namespace).Spec.Finalizers
	default:
		if status := statusOf(obj); status.IsValid() {
			status.Set(statusOf(old.DeepCopyObject().(client.Object)))
		}
	}
	next.SetUID(old.GetUID())
	next.SetCreationTimestamp(old.GetCreationTimestamp())
	next.SetDeletionTimestamp(old.GetDeletionTimestamp())
	next.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	next.SetNamespace(old.GetNamespace())
	next.SetName(old.GetName())
	next.SetGeneration(old.GetGeneration())
	next.SetResourceVersion(old.GetResourceVersion())
	next.GetObjectKind().SetGroupVersionKind(t.kind)
	if equality.Semantic.DeepEqual(old, next) {
		return old, nil
	}
	if subresource == "" && !equality.Semantic.DeepEqual(specOf(old), specOf(next)) {
		next.SetGeneration(old.GetGeneration() + 1)
	}
	if finished(next) {
		return s.remove(t, next), nil
	}
	return s.store(t, old, next), nil
}

func specOf(obj client.Object) any {
	if spec := reflect.ValueOf(obj).Elem().FieldByName("Spec"); spec.IsValid() {
		return spec.Interface()
	}
	return nil
}
