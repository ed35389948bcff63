package apiserver

import (
	"strings"

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
	seen := make(map[owner]bool, len(refs))
	for _, ref := range refs {
		o := ownerOf(&ref)
		if seen[o] {
			doubles = append(doubles, string(ref.UID))
			continue
		}
		seen[o] = true
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

// owner is an owner reference that can be compared: a body may hold thousands.
type owner struct {
	metav1.OwnerReference // without its pointers
	controller, blocks    optional
}

// optional is what a *bool says.
type optional struct{ given, value bool }

func optionalOf(b *bool) optional { return optional{b != nil, b != nil && *b} }

func ownerOf(ref *metav1.OwnerReference) owner {
	o := owner{*ref, optionalOf(ref.Controller), optionalOf(ref.BlockOwnerDeletion)}
	o.Controller, o.BlockOwnerDeletion = nil, nil
	return o
}
