// Package history keeps the ControllerRevisions of DaemonSets and StatefulSets:
// one for each pod template they had, which kubectl rollout reads and restores.
package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"

	"minke/client"
)

// HashLabel is on revisions and on the pods made from them.
const HashLabel = appsv1.ControllerRevisionHashLabelKey

// Owner is a set whose revisions are kept.
type Owner struct {
	Object   client.Object
	Kind     schema.GroupVersionKind
	Template *corev1.PodTemplateSpec
	// Collisions is added to the hash; on a collision it has to grow.
	Collisions *int32
}

// ErrCollision tells that another object has the wanted revision's name.
var ErrCollision = errors.New("another revision has this name")

// data is a strategic merge patch that puts the template back.
func data(template *corev1.PodTemplateSpec) ([]byte, error) {
	text, err := json.Marshal(template)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	fields["$patch"] = "replace"
	return json.Marshal(map[string]any{"spec": map[string]any{"template": fields}})
}

// Template reads back the pod template that the revision holds.
func Template(revision *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, error) {
	var patch struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(revision.Data.Raw, &patch); err != nil {
		return nil, fmt.Errorf("read revision %s: %w", client.KeyOf(revision), err)
	}
	return &patch.Spec.Template, nil
}

func byRevision(a, b *appsv1.ControllerRevision) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// Sort orders revisions, the newest last.
func Sort(revisions []*appsv1.ControllerRevision) { slices.SortFunc(revisions, byRevision) }

// Ensure returns the revision for the owner's template out of the existing
// ones, made the newest if it is not, or creates it.
func Ensure(ctx context.Context, api client.Resource[*appsv1.ControllerRevision], owner Owner, existing []*appsv1.ControllerRevision) (*appsv1.ControllerRevision, error) {
	raw, err := data(owner.Template)
	if err != nil {
		return nil, fmt.Errorf("make a revision of %s: %w", client.KeyOf(owner.Object), err)
	}
	sorted := slices.Clone(existing)
	Sort(sorted)
	newest := int64(0)
	if len(sorted) > 0 {
		newest = sorted[len(sorted)-1].Revision
	}
	for _, r := range slices.Backward(sorted) {
		if !same(r.Data.Raw, raw) {
			continue
		}
		if r.Revision == newest {
			return r, nil
		}
		next := r.DeepCopy()
		next.Revision = newest + 1
		stored, err := api.Update(ctx, next)
		if err != nil {
			return nil, fmt.Errorf("renew revision %s: %w", client.KeyOf(r), err)
		}
		return stored, nil
	}
	return create(ctx, api, owner, raw, newest+1)
}

// same compares JSON whatever way it was stored.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	na, errA := json.Marshal(x)
	nb, errB := json.Marshal(y)
	return errA == nil && errB == nil && bytes.Equal(na, nb)
}

func create(ctx context.Context, api client.Resource[*appsv1.ControllerRevision], owner Owner, raw []byte, number int64) (*appsv1.ControllerRevision, error) {
	h := fnv.New32a()
	h.Write(raw)
	if owner.Collisions != nil {
		h.Write([]byte(strconv.Itoa(int(*owner.Collisions))))
	}
	hash := rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
	labels := maps.Clone(owner.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[HashLabel] = hash
	name := fmt.Sprintf("%.223s-%s", owner.Object.GetName(), hash)
	stored, err := api.Create(ctx, &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Object.GetNamespace(), Name: name, Labels: labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner.Object, owner.Kind)},
		},
		Data: runtime.RawExtension{Raw: raw}, Revision: number,
	})
	if !apierrors.IsAlreadyExists(err) {
		if err != nil {
			return nil, fmt.Errorf("create revision %s: %w", name, err)
		}
		return stored, nil
	}
	there, err := api.Get(ctx, owner.Object.GetNamespace(), name)
	if err != nil {
		return nil, fmt.Errorf("create revision %s: %w", name, err)
	}
	if metav1.IsControlledBy(there, owner.Object) && same(there.Data.Raw, raw) {
		return there, nil
	}
	return nil, fmt.Errorf("create revision %s: %w", name, ErrCollision)
}

// Truncate deletes the oldest revisions beyond limit, except those in use.
func Truncate(ctx context.Context, api client.Resource[*appsv1.ControllerRevision], existing []*appsv1.ControllerRevision, limit *int32, used map[string]bool) error {
	keep := 10
	if limit != nil {
		keep = int(*limit)
	}
	if keep < 0 {
		// A StatefulSet may ask for all of them.
		return nil
	}
	var idle []*appsv1.ControllerRevision
	for _, r := range existing {
		if !used[r.Labels[HashLabel]] && !used[r.Name] {
			idle = append(idle, r)
		}
	}
	Sort(idle)
	for _, r := range idle[:max(0, len(idle)-keep)] {
		err := api.Delete(ctx, r.Namespace, r.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &r.UID}})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete revision %s: %w", client.KeyOf(r), err)
		}
	}
	return nil
}
