// Package always has the two plug-ins that do not look at what they are asked:
// AlwaysAdmit and AlwaysDeny. Both are for tests of a cluster's setup.
package always

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"minke/apiserver/admission"
)

// Admit lets everything pass.
type Admit struct{}

// Deny refuses every write.
type Deny struct{}

var (
	_ admission.Validator = Admit{}
	_ admission.Mutator   = Deny{}
	_ admission.Validator = Deny{}
)

// Validate implements admission.Validator.
func (Admit) Validate(context.Context, *admission.Attributes) error { return nil }

// Admit implements admission.Mutator.
func (d Deny) Admit(ctx context.Context, a *admission.Attributes) error { return d.Validate(ctx, a) }

// Validate implements admission.Validator.
func (Deny) Validate(_ context.Context, a *admission.Attributes) error {
	return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, errors.New("admission control is denying all modifications"))
}
