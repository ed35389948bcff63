package admission

import "context"

// Repeated are plug-ins of a Chain whose Mutators all run a second time when
// one of them asks for it (Attributes.Again): what a webhook has changed, those
// before it may want to complete. What spends a scarce good, or cannot run
// twice, stays outside.
type Repeated Chain

var (
	_ Mutator   = Repeated(nil)
	_ Validator = Repeated(nil)
)

// Admit implements Mutator.
func (r Repeated) Admit(ctx context.Context, a *Attributes) error {
	if err := Chain(r).Admit(ctx, a); err != nil || !a.Again {
		return err
	}
	a.Again = false
	a.Round++
	return Chain(r).Admit(ctx, a)
}

// Validate implements Validator.
func (r Repeated) Validate(ctx context.Context, a *Attributes) error {
	return Chain(r).Validate(ctx, a)
}
