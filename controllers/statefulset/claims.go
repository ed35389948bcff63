package statefulset

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/client"
)

func (p *pass) claimName(template *corev1.PersistentVolumeClaim, ordinal string) string {
	return template.Name + "-" + p.set.Name + "-" + ordinal
}

// mountClaims puts the member's own claims in place of volumes of these names.
func (p *pass) mountClaims(pod *corev1.Pod, ordinal string) {
	for i := range p.set.Spec.VolumeClaimTemplates {
		template := &p.set.Spec.VolumeClaimTemplates[i]
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == template.Name })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: p.claimName(template, ordinal)},
		}})
	}
}

func (p *pass) ensureClaims(ctx context.Context, ordinal string) error {
	for i := range p.set.Spec.VolumeClaimTemplates {
		claim := p.set.Spec.VolumeClaimTemplates[i].DeepCopy()
		claim.Namespace, claim.Name = p.set.Namespace, p.claimName(claim, ordinal)
		if there, ok := p.claimView.Get(claim.Namespace, claim.Name); ok {
			if there.DeletionTimestamp != nil {
				return fmt.Errorf("use claim %s: it is being deleted", client.KeyOf(claim))
			}
			continue
		}
		l := maps.Clone(p.set.Spec.Selector.MatchLabels)
		for key, value := range claim.Labels {
			if l == nil {
				l = map[string]string{}
			}
			l[key] = value
		}
		claim.Labels = l
		if deleteWith, _ := retention(p.set); deleteWith {
			claim.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(p.set, client.StatefulSets.GroupVersionKind())}
		}
		if _, err := p.claims.Create(ctx, claim); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create claim %s: %w", client.KeyOf(claim), err)
		}
	}
	return nil
}

// retention tells whether claims are deleted with the set, and when their
// members are scaled away (KEP-1847).
func retention(set *appsv1.StatefulSet) (withSet, whenScaled bool) {
	policy := set.Spec.PersistentVolumeClaimRetentionPolicy
	if policy == nil {
		return false, false
	}
	return policy.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
		policy.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType
}

// claimsOfPredecessor tells whether a claim goes with an earlier pod of this
// name: the garbage collector is about to delete it, so the member has to wait.
func (p *pass) claimsOfPredecessor(podName, ordinal string) bool {
	if _, whenScaled := retention(p.set); !whenScaled {
		return false
	}
	for i := range p.set.Spec.VolumeClaimTemplates {
		claim, ok := p.claimView.Get(p.set.Namespace, p.claimName(&p.set.Spec.VolumeClaimTemplates[i], ordinal))
		if ok && slices.ContainsFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool { return isPod(ref, podName) }) {
			return true
		}
	}
	return false
}

// ownClaims makes the owners of the pod's claims what the retention policy
// wants, so that the garbage collector deletes them at the right time.
func (p *pass) ownClaims(ctx context.Context, pod *corev1.Pod) error {
	ordinal := ordinalOf(p.set, pod)
	var errs []error
	for i := range p.set.Spec.VolumeClaimTemplates {
		claim, ok := p.claimView.Get(p.set.Namespace, p.claimName(&p.set.Spec.VolumeClaimTemplates[i], strconv.Itoa(ordinal)))
		if !ok {
			continue
		}
		owners, foreign, changed := p.claimOwners(claim.OwnerReferences, pod)
		if !changed {
			continue
		}
		if foreign {
			p.events.Event(p.set, corev1.EventTypeWarning, "ConflictingController", "PersistentVolumeClaim %s has another controller, the retention policy is ignored for it", claim.Name)
		}
		next := claim.DeepCopy()
		next.OwnerReferences = owners
		if _, err := p.claims.Update(ctx, next); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("set owners of claim %s: %w", client.KeyOf(claim), err))
		}
	}
	return errors.Join(errs...)
}

// claimOwners returns the owners that a claim of the pod should have in place of
// refs: the set while it is deleted with the set, the pod once that is scaled
// away. A claim with another controller gets neither, and one of an earlier set
// or pod of the same name is left as it is.
func (p *pass) claimOwners(refs []metav1.OwnerReference, pod *corev1.Pod) (owners []metav1.OwnerReference, foreign, changed bool) {
	withSet, whenScaled := retention(p.set)
	n := ordinalOf(p.set, pod) - first(p.set)
	scaled := whenScaled && (n < 0 || n >= count(p.set))
	want := map[types.UID]bool{p.set.UID: withSet && !scaled, pod.UID: scaled}
	had := false
	for _, ref := range refs {
		isSet := ref.APIVersion == appsv1.SchemeGroupVersion.String() && ref.Kind == client.StatefulSets.Kind && ref.Name == p.set.Name
		switch controls := ref.Controller != nil && *ref.Controller; {
		case isSet && ref.UID != p.set.UID, isPod(ref, pod.Name) && ref.UID != pod.UID:
			return refs, false, false
		case isSet, isPod(ref, pod.Name):
			had = true
			changed = changed || !want[ref.UID] || !controls
		default:
			owners = append(owners, ref)
			foreign = foreign || controls && (withSet || whenScaled)
		}
	}
	if foreign {
		return owners, true, had
	}
	if want[p.set.UID] {
		owners = append(owners, *metav1.NewControllerRef(p.set, client.StatefulSets.GroupVersionKind()))
	}
	if scaled {
		owners = append(owners, *metav1.NewControllerRef(pod, client.Pods.GroupVersionKind()))
	}
	return owners, false, changed || len(owners) != len(refs)
}

func isPod(ref metav1.OwnerReference, name string) bool {
	return ref.APIVersion == corev1.SchemeGroupVersion.String() && ref.Kind == client.Pods.Kind && ref.Name == name
}

// wakeForClaim looks again at the sets that a deleted claim may be missed by.
func (c *Controller) wakeForClaim(claim *corev1.PersistentVolumeClaim) {
	for _, set := range c.view.List(claim.Namespace, nil) {
		for i := range set.Spec.VolumeClaimTemplates {
			if strings.HasPrefix(claim.Name, set.Spec.VolumeClaimTemplates[i].Name+"-"+set.Name+"-") {
				c.loop.Add(client.KeyOf(set))
				break
			}
		}
	}
}

// keepClaims makes again what claims a pending pod misses, and keeps the owners
// of the pod's claims.
func (p *pass) keepClaims(ctx context.Context, pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodPending {
		if err := p.ensureClaims(ctx, strconv.Itoa(ordinalOf(p.set, pod))); err != nil {
			return err
		}
	}
	return p.ownClaims(ctx, pod)
}
