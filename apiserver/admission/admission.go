// Package admission decides whether a write that is authenticated, authorized
// and decoded may happen, and completes the object on the way. First every
// Mutator runs, in order, then the object is validated, then every Validator.
package admission

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/request"
)

// Operation is what the write does.
type Operation string

// The operations, named as in admissionregistration.k8s.io.
const (
	Create  Operation = "CREATE"
	Update  Operation = "UPDATE"
	Delete  Operation = "DELETE"
	Connect Operation = "CONNECT"
)

// Attributes is one write.
type Attributes struct {
	Operation       Operation
	Resource        *api.Resource
	Subresource     string
	Namespace, Name string
	User            *inprocess.User
	DryRun          bool
	// Object is the new state, nil on deletion; Old the state before, nil on
	// creation. A Mutator may change Object; Old is shared and may not be.
	Object, Old api.Object
	// Delete holds the options of a deletion.
	Delete *metav1.DeleteOptions
	// Warn adds a Warning header to the answer.
	Warn func(text string)
	// Annotations go into the audit event; nil when the write is not audited.
	Annotations *request.Annotations
}

// Annotate adds to the audit event of the write, if there is one. Keys are
// qualified names, such as validation.policy.admission.k8s.io/validation_failure.
// A key that is there keeps its value.
func (a *Attributes) Annotate(key, value string) { a.Annotations.Annotate(key, value) }

// AnnotateDetail adds what only an event with the request's body shows (level
// Request and above), such as the patch of a webhook.
func (a *Attributes) AnnotateDetail(key, value string) { a.Annotations.AnnotateDetail(key, value) }

// Annotated tells whether annotations lead anywhere: what is costly to word
// need not be worded otherwise.
func (a *Attributes) Annotated() bool { return a.Annotations != nil }

// Mutator completes a.Object in place, or refuses with a StatusError.
type Mutator interface {
	Admit(ctx context.Context, a *Attributes) error
}

// Validator refuses with a StatusError, or does nothing.
type Validator interface {
	Validate(ctx context.Context, a *Attributes) error
}

// Chain is the plug-ins in the order in which they run. Each implements
// Mutator, Validator, or both.
type Chain []any

// Admit runs all mutators.
func (c Chain) Admit(ctx context.Context, a *Attributes) error {
	for _, p := range c {
		if m, ok := p.(Mutator); ok {
			if err := m.Admit(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate runs all validators.
func (c Chain) Validate(ctx context.Context, a *Attributes) error {
	for _, p := range c {
		if v, ok := p.(Validator); ok {
			if err := v.Validate(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}
