package policy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"minke/api"
	"minke/apiserver/admission"
	"minke/apiserver/admission/match"
)

// kind is validating or mutating policies; T is what a policy is compiled to.
type kind[T any] struct {
	policies, bindings schema.GroupVersionResource
	define             func(runtime.Object) definition
	bind               func(runtime.Object) (policy string, b *binding)
	compile            func(runtime.Object) T
	// forget is told of policies that are in effect no more.
	forget func(policy string)
}

// definition is what both kinds of policies have.
type definition struct {
	name    string
	params  *admissionregistrationv1.ParamKind
	match   *admissionregistrationv1.MatchResources
	failure *admissionregistrationv1.FailurePolicyType
}

// binding puts a policy in effect.
type binding struct {
	name    string
	params  *admissionregistrationv1.ParamRef
	match   *admissionregistrationv1.MatchResources
	actions []admissionregistrationv1.ValidationAction
	// criteria is made of match; err tells why it cannot be.
	criteria *match.Criteria
	err      error
}

// hook is a policy with its bindings.
type hook[T any] struct {
	definition
	version  version
	criteria *match.Criteria
	err      error
	bindings []*binding
	program  func() T
}

// version tells the states of a policy's spec apart.
type version struct {
	uid        types.UID
	generation int64
}

// index keeps what is made of policies and bindings.
type index[T any] struct {
	kind kind[T]
	now  atomic.Pointer[made[T]] // nil before the first write

	mu     sync.Mutex      // is held while now is made anew
	counts []func() uint64 // how often bindings and policies changed
}

// made is what the policies and bindings are as of a number of changes.
type made[T any] struct {
	at    [2]uint64
	hooks []*hook[T]
}

// current returns the policies in effect, in the order of their names.
func (x *index[T]) current(from Reader) ([]*hook[T], error) {
	if now := x.now.Load(); now != nil && now.at == x.changes() {
		return now.hooks, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.begin(from); err != nil {
		return nil, err
	}
	// What changes from here on is seen by the next write at the latest.
	next := &made[T]{at: x.changes()}
	var before []*hook[T]
	if now := x.now.Load(); now != nil {
		if now.at == next.at {
			return now.hooks, nil
		}
		before = now.hooks
	}
	bindings, err := read(from, x.kind.bindings)
	if err != nil {
		return nil, err
	}
	var policies []runtime.Object
	if len(bindings) > 0 {
		if policies, err = read(from, x.kind.policies); err != nil {
			return nil, err
		}
	}
	next.hooks = x.make(before, bindings, policies)
	x.now.Store(next)
	return next.hooks, nil
}

// begin finds out how changes are known; x.mu is held.
func (x *index[T]) begin(from Reader) error {
	for _, resource := range []schema.GroupVersionResource{x.kind.bindings, x.kind.policies}[len(x.counts):] {
		count, err := from.Changes(resource)
		if err != nil {
			return fmt.Errorf("follow %s: %w", resource.Resource, err)
		}
		x.counts = append(x.counts, count)
	}
	return nil
}

// changes may be called when there is a now, or with x.mu held after begin.
func (x *index[T]) changes() [2]uint64 { return [2]uint64{x.counts[0](), x.counts[1]()} }

func read(from Reader, resource schema.GroupVersionResource) ([]runtime.Object, error) {
	all, _, err := from.Snapshot(resource, "")
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
	}
	return slices.Collect(all), nil
}

// make returns the hooks of what is bound. What was compiled of a policy whose
// spec is the same goes on being used.
func (x *index[T]) make(old []*hook[T], bindings, policies []runtime.Object) []*hook[T] {
	before := map[version]*hook[T]{}
	for _, h := range old {
		before[h.version] = h
	}
	of := map[string][]*binding{}
	for _, obj := range bindings {
		policy, b := x.kind.bind(obj)
		b.criteria, b.err = match.Resources(b.match)
		of[policy] = append(of[policy], b)
	}
	var hooks []*hook[T]
	for _, obj := range policies {
		meta := obj.(api.Object)
		bound := of[meta.GetName()]
		if len(bound) == 0 {
			continue
		}
		h := &hook[T]{definition: x.kind.define(obj), bindings: bound, version: version{meta.GetUID(), meta.GetGeneration()}}
		if same := before[h.version]; same != nil && h.version.uid != "" {
			h.criteria, h.err, h.program = same.criteria, same.err, same.program
		} else {
			h.criteria, h.err = match.Resources(h.match)
			if h.match == nil {
				h.err = errors.New("policy contained no match constraints, a required field")
			}
			h.program = sync.OnceValue(func() T { return x.kind.compile(obj) })
		}
		hooks = append(hooks, h)
		delete(before, h.version)
	}
	for _, gone := range before {
		if !slices.ContainsFunc(hooks, func(h *hook[T]) bool { return h.name == gone.name }) {
			x.kind.forget(gone.name)
		}
	}
	return hooks
}

// invocation is a policy that is to decide about a write.
type invocation[T any] struct {
	*hook[T]
	// binding is nil when err concerns the policy itself.
	binding *binding
	// as is the version that the policy wants to see.
	as admission.Version
	// params are the objects of parameters, each of which is a decision of its
	// own; nil among them stands for none.
	params []runtime.Object
	// err tells why the policy cannot decide.
	err error
}

// invocations yields the policies and bindings that are meant for the write.
func (x *index[T]) invocations(ctx context.Context, from Reader, hooks []*hook[T], a *admission.Attributes) iter.Seq[invocation[T]] {
	return func(yield func(invocation[T]) bool) {
		for _, h := range hooks {
			if !x.invocationsOf(ctx, from, h, a, yield) {
				return
			}
		}
	}
}

func (x *index[T]) invocationsOf(ctx context.Context, from Reader, h *hook[T], a *admission.Attributes, yield func(invocation[T]) bool) bool {
	if h.err != nil {
		return yield(invocation[T]{hook: h, err: fmt.Errorf("failed to configure policy: %w", h.err)})
	}
	as, ok, err := h.criteria.Match(ctx, from, a)
	if err != nil {
		return yield(invocation[T]{hook: h, err: fmt.Errorf("failed to configure policy: %w", err)})
	}
	if !ok {
		return true
	}
	params, err := newParams(h.definition.params, from)
	if err != nil {
		return yield(invocation[T]{hook: h, err: fmt.Errorf("failed to configure policy: %w", err)})
	}
	for _, b := range h.bindings {
		in := invocation[T]{hook: h, binding: b, as: as}
		ok, err := b.matches(ctx, from, a)
		if err == nil && ok {
			in.params, err = params.of(ctx, b.params, a.Namespace)
		}
		if err != nil {
			in.err = fmt.Errorf("failed to configure binding: %w", err)
		}
		if (ok || err != nil) && !yield(in) {
			return false
		}
	}
	return true
}

func (b *binding) matches(ctx context.Context, from Reader, a *admission.Attributes) (bool, error) {
	if b.err != nil {
		return false, b.err
	}
	_, ok, err := b.criteria.Match(ctx, from, a)
	return ok, err
}
