package authz

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"minke/api/inprocess"
)

// Decision is what an authorizer makes of a question.
type Decision int

// The decisions. Deny ends the matter; after NoOpinion the next one is asked.
const (
	NoOpinion Decision = iota
	Deny
	Allow
)

// Decider is an Authorizer that can do more than allow: it may deny what others
// would allow, and say that it could not find out.
type Decider interface {
	Decide(ctx context.Context, user *inprocess.User, a Attributes) (Decision, string, error)
}

// Decide asks by, whatever it is.
func Decide(ctx context.Context, by Authorizer, user *inprocess.User, a Attributes) (Decision, string, error) {
	if d, ok := by.(Decider); ok {
		return d.Decide(ctx, user, a)
	}
	allowed, reason := by.Allows(ctx, user, a)
	if allowed {
		return Allow, reason, nil
	}
	return NoOpinion, reason, nil
}

// Named is a member of a Union whose refusals are told with its name.
type Named struct {
	Name string
	Authorizer
}

var _ Decider = Named{}

// Decide implements Decider.
func (n Named) Decide(ctx context.Context, user *inprocess.User, a Attributes) (Decision, string, error) {
	return Decide(ctx, n.Authorizer, user, a)
}

// Union asks its members in their order until one allows or denies.
type Union []Authorizer

var _ Decider = Union(nil)

// Decide implements Decider.
func (u Union) Decide(ctx context.Context, user *inprocess.User, a Attributes) (Decision, string, error) {
	var reasons []string
	var errs []error
	for _, one := range u {
		decision, reason, err := Decide(ctx, one, user, a)
		if decision == Allow {
			return Allow, reason, nil
		}
		if err != nil {
			errs = append(errs, err)
		}
		if reason != "" {
			if n, ok := one.(Named); ok {
				reasons = append(reasons, n.Name+": "+reason)
			} else {
				reasons = append(reasons, reason)
			}
		}
		if decision == Deny {
			return Deny, reason, err
		}
	}
	return NoOpinion, strings.Join(reasons, "\n"), utilerrors.NewAggregate(errs)
}

// Allows implements Authorizer.
func (u Union) Allows(ctx context.Context, user *inprocess.User, a Attributes) (bool, string) {
	decision, reason, _ := u.Decide(ctx, user, a)
	return decision == Allow, reason
}

// Superusers allows the members of Masters everything.
type Superusers struct{}

// Allows implements Authorizer.
func (Superusers) Allows(_ context.Context, user *inprocess.User, _ Attributes) (bool, string) {
	return slices.Contains(user.Groups, Masters), ""
}

// Everybody allows everything (AlwaysAllow).
type Everybody struct{}

// Allows implements Authorizer.
func (Everybody) Allows(context.Context, *inprocess.User, Attributes) (bool, string) { return true, "" }

// Nobody allows nothing (AlwaysDeny), and leaves nothing to others.
type Nobody struct{}

// Allows implements Authorizer.
func (Nobody) Allows(context.Context, *inprocess.User, Attributes) (bool, string) {
	return false, "Everything is forbidden."
}

// Changing is an Authorizer that is replaced while it is used, when its
// configuration changes. It must be Set before it is asked.
type Changing struct{ now atomic.Pointer[Authorizer] }

var _ Decider = (*Changing)(nil)

// Set replaces the authorizer.
func (c *Changing) Set(by Authorizer) { c.now.Store(&by) }

// Allows implements Authorizer.
func (c *Changing) Allows(ctx context.Context, user *inprocess.User, a Attributes) (bool, string) {
	return (*c.now.Load()).Allows(ctx, user, a)
}

// Decide implements Decider.
func (c *Changing) Decide(ctx context.Context, user *inprocess.User, a Attributes) (Decision, string, error) {
	return Decide(ctx, *c.now.Load(), user, a)
}
