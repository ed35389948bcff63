package apiserver

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

// dropDoubleOwners removes the owner references that an object has twice and
// warns of them; those that differ in more than their uid stay. It runs when an
// object to create or to replace arrives, and on all writes once admission has
// made its changes.
func (c *call) dropDoubleOwners(obj api.Object, admitted bool) {
	refs := obj.GetOwnerReferences()
	if len(refs) < 2 {
		return
	}
	kept := make([]metav1.OwnerReference, 0, len(refs))
	var doubles []string
	byUID := map[string][]metav1.OwnerReference{}
	for _, ref := range refs {
		uid := string(ref.UID)
		if hasOwner(byUID[uid], &ref) {
			doubles = append(doubles, uid)
			continue
		}
		byUID[uid] = append(byUID[uid], ref)
		kept = append(kept, ref)
	}
	if len(doubles) == 0 {
		return
	}
	obj.SetOwnerReferences(kept)
	when := ""
	if admitted {
		when = " after mutating admission happens"
	}
	c.warn(".metadata.ownerReferences contains duplicate entries" + when + "; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; " +
		"please fix your requests; duplicate UID(s) observed: " + strings.Join(doubles, ", "))
}

func hasOwner(refs []metav1.OwnerReference, ref *metav1.OwnerReference) bool {
	for i := range refs {
		if equality.Semantic.DeepEqual(&refs[i], ref) {
			return true
		}
	}
	return false
}
