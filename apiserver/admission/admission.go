// Package admission decides whether a write that is authenticated, authorized
// and decoded may happen, and completes the object on the way. First every
// Mutator runs, in order, then the object is validated, then every Validator.
package admission

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

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
	// Version is the one in which the write came. Object and Old are of
	// Resource's own version, or of Version's kind where that is another kind:
	// an Eviction, a Scale.
	Version Version
	// Versions shows the objects in others; nil when there are none.
	Versions Versions
	// Object is the new state, nil on deletion; Old the state before, nil on
	// creation. A Mutator may change Object or put another in its place; Old is
	// shared and may not be changed.
	Object, Old api.Object
	// Connect is what a CONNECT asks for, such as PodExecOptions; it may not be
	// changed.
	Connect runtime.Object
	// Options are those of the operation, such as CreateOptions, with their
	// kind; nil for CONNECT. Delete holds the options of a deletion.
	Options runtime.Object
	Delete  *metav1.DeleteOptions
	// Again asks for another round of the Mutators that are Repeated, since the
	// object has changed. Round counts them, from 0; Memo is what a Mutator
	// remembers of the round before, by itself.
	Again bool
	Round int
	Memo  map[any]any
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
