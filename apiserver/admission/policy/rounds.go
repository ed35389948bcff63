package policy

import (
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
	"minke/apiserver/admission"
)

// key names one invocation of a policy within a write.
type key struct{ policy, binding, paramNamespace, paramName string }

func keyOf(in invocation[*mutator], params runtime.Object) key {
	k := key{policy: in.name, binding: in.binding.name}
	if obj, ok := params.(api.Object); ok {
		k.paramNamespace, k.paramName = obj.GetNamespace(), obj.GetName()
	}
	return k
}

// rounds is what is remembered of the mutations of one write, so that a policy
// with reinvocationPolicy IfNeeded runs again when the object changed after it.
type rounds struct {
	// repeatable are those that ran and may run again, again those that are to
	// run in the next round.
	repeatable, again map[key]bool
	// last is the object as the round before left it.
	last runtime.Object
}

// rounds returns what is remembered of the write.
func (p *Mutating) rounds(a *admission.Attributes) *rounds {
	if r, ok := a.Memo[p].(*rounds); ok {
		return r
	}
	if a.Memo == nil {
		a.Memo = map[any]any{}
	}
	r := &rounds{repeatable: map[key]bool{}, again: map[key]bool{}}
	a.Memo[p] = r
	return r
}

// begin looks whether others changed the object since the round before.
func (r *rounds) begin(a *admission.Attributes) {
	if a.Round > 0 && !equality.Semantic.DeepEqual(r.last, stateOf(a)) {
		r.require()
	}
}

// end remembers the object: others change it in place.
func (r *rounds) end(a *admission.Attributes) {
	if r.last = stateOf(a); r.last != nil {
		r.last = r.last.DeepCopyObject()
	}
}

// stateOf returns the object; nil, not a nil pointer in an interface, for none.
func stateOf(a *admission.Attributes) runtime.Object {
	if a.Object == nil {
		return nil
	}
	return a.Object
}

// changed asks for another round: a policy changed the object.
func (r *rounds) changed(a *admission.Attributes) {
	r.require()
	a.Again = true
}

// require lets those that ran before run again.
func (r *rounds) require() {
	maps.Copy(r.again, r.repeatable)
	clear(r.repeatable)
}
