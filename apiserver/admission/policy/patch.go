package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/types/known/structpb"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/managedfields"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	celmutation "k8s.io/apiserver/pkg/cel/mutation"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	smdschema "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"minke/api/cel"
	"minke/apiserver/admission"
	"minke/apiserver/admission/expression"
	"minke/apiserver/apply"
)

type gvk = schema.GroupVersionKind

// evaluate returns what a mutation's expression says.
func (m *mutator) evaluate(ctx context.Context, one mutation, in *expression.Input) (ref.Val, error) {
	if one.Err != nil {
		return nil, one.Err
	}
	budget := cel.NewBudget(celconfig.RuntimeCELCostBudget)
	value, err := one.Run(ctx, m.Bind(ctx, in, budget), budget)
	if err != nil {
		return nil, err
	}
	return value, nil
}

// document returns the object in a version, as it is and in JSON.
func (r *run) document(ctx context.Context, as admission.Version) (runtime.Object, []byte, error) {
	obj, _, err := r.attributes.Shown(ctx, as)
	if err != nil {
		return nil, nil, err
	}
	if u, ok := obj.(*unstructured.Unstructured); ok {
		text, err := u.MarshalJSON()
		return u, text, err
	}
	text, err := json.Marshal(expression.Named(obj, as.Kind))
	return obj, text, err
}

// converter returns how objects of a kind merge, of which obj is one; false if
// that is not known yet. Those of built-in kinds are kept: there are not many.
func (r *run) converter(kind gvk, obj runtime.Object) (managedfields.TypeConverter, bool) {
	if _, untyped := obj.(*unstructured.Unstructured); untyped {
		merging := r.attributes.Resource.Merging
		return merging, merging != nil
	}
	if known, ok := r.converters.Load(kind); ok {
		return known.(managedfields.TypeConverter), true
	}
	empty := reflect.New(reflect.TypeOf(obj).Elem()).Interface().(runtime.Object)
	converter := apply.Converter(kind, empty)
	r.converters.Store(kind, converter)
	return converter, true
}

// applied merges an ApplyConfiguration into a document.
func applied(converter managedfields.TypeConverter, kind gvk, document []byte, configuration ref.Val) ([]byte, error) {
	object, ok := configuration.(*dynamic.ObjectVal)
	if !ok {
		return nil, fmt.Errorf("unsupported return type from ApplyConfiguration expression: %v", configuration.Type())
	}
	if err := object.CheckTypeNamesMatchFieldPathNames(); err != nil {
		return nil, fmt.Errorf("type mismatch: %w", err)
	}
	fields, ok := object.Value().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("invalid return type: %T", configuration)
	}
	var live map[string]any
	if err := utiljson.Unmarshal(document, &live); err != nil {
		return nil, err
	}
	merged, err := merge(converter, kind, live, fields)
	if err != nil {
		return nil, fmt.Errorf("error applying patch: %w", err)
	}
	return json.Marshal(merged)
}

func merge(converter managedfields.TypeConverter, kind gvk, live, fields map[string]any) (runtime.Object, error) {
	of := func(fields map[string]any, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
		u := &unstructured.Unstructured{Object: fields}
		u.SetGroupVersionKind(kind)
		return converter.ObjectToTyped(u, options...)
	}
	change, err := of(fields)
	if err != nil {
		return nil, fmt.Errorf("failed to convert patch object to typed object: %w", err)
	}
	if list := atomics(nil, change.Schema(), change.TypeRef(), change.AsValue()); len(list) > 0 {
		return nil, fmt.Errorf("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: %v", strings.Join(list, ", "))
	}
	state, err := of(live, typed.AllowDuplicates)
	if err != nil {
		return nil, fmt.Errorf("failed to convert original object to typed object: %w", err)
	}
	merged, err := state.Merge(change)
	if err != nil {
		return nil, fmt.Errorf("failed to merge patch: %w", err)
	}
	return converter.TypedToObject(merged)
}

// atomics lists the atomic parts that a value sets: whoever sets one field of
// them would unset the others without knowing.
func atomics(at fieldpath.Path, s *smdschema.Schema, kind smdschema.TypeRef, v value.Value) (found []string) {
	atom, ok := s.Resolve(kind)
	if !ok {
		return nil
	}
	step := func(e fieldpath.PathElement, kind smdschema.TypeRef, v value.Value) {
		found = append(found, atomics(append(at[:len(at):len(at)], e), s, kind, v)...)
	}
	switch {
	case v.IsMap() && atom.Map != nil:
		if atom.Map.ElementRelationship == smdschema.Atomic {
			found = append(found, at.String())
		}
		v.AsMap().Iterate(func(name string, v value.Value) bool {
			if f, ok := atom.Map.FindField(name); ok {
				step(fieldpath.PathElement{FieldName: &name}, f.Type, v)
			}
			return true
		})
	case v.IsList() && atom.List != nil:
		if atom.List.ElementRelationship == smdschema.Atomic {
			found = append(found, at.String())
		}
		for i := range v.AsList().Length() {
			step(fieldpath.PathElement{Index: &i}, atom.List.ElementType, v.AsList().At(i))
		}
	}
	return found
}

// maxOperations bounds the operations of a JSON patch, as in a request.
const maxOperations = 10000

// patchedBy applies a list of JSONPatch values to a document. The result is nil
// when a "test" among them fails: then nothing changes.
func patchedBy(list ref.Val, document []byte) ([]byte, error) {
	operations, ok := list.(traits.Lister)
	if !ok {
		return nil, errors.New("type mismatch: JSONPatchType.expression should evaluate to array")
	}
	if n, ok := operations.Size().(types.Int); !ok || n > maxOperations {
		return nil, fmt.Errorf("the allowed maximum operations in a JSON patch is %d, got %v", maxOperations, operations.Size())
	}
	var patch jsonpatch.Patch
	for it := operations.Iterator(); it.HasNext() == types.True; {
		o, err := operationOf(it.Next())
		if err != nil {
			return nil, err
		}
		patch = append(patch, o)
	}
	patched, err := patch.Apply(document)
	switch {
	case errors.Is(err, jsonpatch.ErrTestFailed):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("JSON Patch: %w", err)
	}
	return patched, nil
}

func operationOf(v ref.Val) (jsonpatch.Operation, error) {
	native, err := v.ConvertToNative(reflect.TypeFor[*celmutation.JSONPatchVal]())
	if err != nil {
		return nil, fmt.Errorf("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch: %w", err)
	}
	given := native.(*celmutation.JSONPatchVal)
	o := jsonpatch.Operation{}
	text := func(name, value string) error {
		raw, err := json.Marshal(value)
		o[name] = (*json.RawMessage)(&raw)
		return err
	}
	if err := errors.Join(text("op", given.Op), text("path", given.Path)); err != nil {
		return nil, err
	}
	if given.From != "" {
		if err := text("from", given.From); err != nil {
			return nil, err
		}
	}
	if given.Val == nil {
		return o, nil
	}
	if object, ok := given.Val.(*dynamic.ObjectVal); ok {
		if err := object.CheckTypeNamesMatchFieldPathNames(); err != nil {
			return nil, fmt.Errorf("type mismatch: %w", err)
		}
	}
	// What CEL can hold and JSON too goes through protobuf's form of JSON.
	form, err := given.Val.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	raw, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	o["value"] = (*json.RawMessage)(&raw)
	return o, nil
}
