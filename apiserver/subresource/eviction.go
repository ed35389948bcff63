package subresource

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/request"
)

// eviction deletes a pod if its disruption budget allows (policy/v1).
func (s *Server) eviction(w http.ResponseWriter, r *http.Request) error {
	ctx, info := r.Context(), request.InfoFrom(r.Context())
	var e policyv1.Eviction
	if err := s.Codec.Read(w, r, &e); err != nil {
		return err
	}
	if e.Name != info.Name {
		return apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	options := metav1.DeleteOptions{}
	if e.DeleteOptions != nil {
		options = *e.DeleteOptions
	}
	dry := dryRun(r, options.DryRun...)
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	e.Namespace, e.Name = info.Namespace, info.Name
	attributes := &admission.Attributes{
		Operation: admission.Create, Subresource: "eviction", Namespace: info.Namespace, Name: info.Name,
		User: request.UserFrom(ctx), Object: &e, DryRun: dry,
		Version: admission.Version{Kind: policyv1.SchemeGroupVersion.WithKind("Eviction")},
	}
	if err := s.mutate(ctx, attributes, "pods"); err != nil {
		return err
	}
	obj, err := s.Reader.Get(ctx, pods, info.Namespace, info.Name)
	if err != nil {
		return err
	}
	pod := obj.(*corev1.Pod)
	if err := s.validate(ctx, attributes); err != nil {
		return err
	}
	if err := checkPreconditions(pod, options.Preconditions); err != nil {
		return err
	}
	if err := s.evict(ctx, pod, &options, dry); err != nil {
		return err
	}
	return s.done(w, r)
}

// evict spends the budget, marks the pod and deletes it.
func (s *Server) evict(ctx context.Context, pod *corev1.Pod, options *metav1.DeleteOptions, dry bool) error {
	if !free(pod) {
		if err := s.spend(ctx, pod, dry); err != nil {
			return err
		}
		// What was judged is what is deleted, not a pod that took its name.
		if options.Preconditions == nil {
			options.Preconditions = &metav1.Preconditions{}
		}
		if options.Preconditions.UID == nil {
			options.Preconditions.UID = &pod.UID
		}
		if !dry {
			if err := s.markDisrupted(ctx, pod); err != nil {
				return err
			}
			// The mark moved the resourceVersion that was compared above.
			options.Preconditions.ResourceVersion = nil
		}
	}
	return s.Deleter.Delete(ctx, pods, pod.Namespace, pod.Name, *options)
}

// free tells whether no budget stands against the pod's eviction: it does not
// run, or it is on its way out already.
func free(pod *corev1.Pod) bool {
	switch pod.Status.Phase {
	case corev1.PodSucceeded, corev1.PodFailed, corev1.PodPending:
		return true
	}
	return pod.DeletionTimestamp != nil
}

func (s *Server) markDisrupted(ctx context.Context, pod *corev1.Pod) error {
	uid := pod.UID
	_, err := s.Updater.Update(ctx, pods, pod.Namespace, pod.Name, func(o api.Object) error {
		p := o.(*corev1.Pod)
		if p.UID != uid {
			return apierrors.NewConflict(pods.GroupResource(), p.Name, fmt.Errorf("the pod was replaced"))
		}
		setCondition(p, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(s.Now()),
			Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting", ObservedGeneration: p.Generation,
		})
		return nil
	})
	return err
}

func checkPreconditions(pod *corev1.Pod, p *metav1.Preconditions) error {
	if p == nil {
		return nil
	}
	conflict := func(what string, wanted, found any) error {
		//lint:ignore ST1005 the text is Kubernetes' own
		return apierrors.NewConflict(pods.GroupResource(), pod.Name, fmt.Errorf("Precondition failed: %s in precondition: %v, %s in object meta: %v", what, wanted, what, found))
	}
	if p.UID != nil && *p.UID != pod.UID {
		return conflict("UID", *p.UID, pod.UID)
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != pod.ResourceVersion {
		return conflict("ResourceVersion", *p.ResourceVersion, pod.ResourceVersion)
	}
	return nil
}
