package flowcontrol

import (
	"context"
	"fmt"
	"reflect"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// step is one write that puts a stored object right.
type step struct {
	verb     string
	resource schema.GroupVersionResource
	obj      api.Object
}

// keep tells what must be done so that the bootstrap objects are as they should
// be:
//
//	stored                            mandatory   suggested
//	missing                           create      create
//	annotated autoupdate-spec "true"  repair      repair
//	annotated "false"                 repair      leave
//	not annotated, generation 1       repair      repair
//	not annotated, changed            repair      leave
//	annotated "true", not bootstrap   –           delete: a release of old had it
//
// What the level of exempt requests lends is the administrator's.
func keep[T api.Object](stored, bootstrap []T) (steps []step) {
	have := map[string]T{}
	for _, o := range stored {
		have[o.GetName()] = o
	}
	wanted := map[string]bool{}
	for _, w := range bootstrap {
		wanted[w.GetName()] = true
		h, there := have[w.GetName()]
		if !there {
			steps = append(steps, step{"create", resourceOf(w), w})
		} else if out := repaired(h, w); out != nil {
			steps = append(steps, step{"update", resourceOf(w), out})
		}
	}
	for _, o := range stored {
		if !wanted[o.GetName()] && o.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey] == "true" {
			steps = append(steps, step{"delete", resourceOf(o), o})
		}
	}
	return steps
}

func resourceOf(o any) schema.GroupVersionResource {
	if _, ok := o.(*flowcontrolv1.FlowSchema); ok {
		return schemaResource
	}
	return levelResource
}

// repaired returns a copy of have with the spec of wanted, or nil when it shall
// stay as it is.
func repaired(have, wanted api.Object) api.Object {
	note, noted := have.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]
	auto := note == "true" || mandatory(have.GetName()) || !noted && have.GetGeneration() <= 1
	if !auto || note == "true" && sameSpec(have, wanted) {
		return nil
	}
	out := have.DeepCopyObject().(api.Object)
	annotations := out.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[flowcontrolv1.AutoUpdateAnnotationKey] = "true"
	out.SetAnnotations(annotations)
	if sameSpec(have, wanted) {
		return out
	}
	switch o := out.(type) {
	case *flowcontrolv1.FlowSchema:
		o.Spec = wanted.(*flowcontrolv1.FlowSchema).Spec
	case *flowcontrolv1.PriorityLevelConfiguration:
		o.Spec = wanted.(*flowcontrolv1.PriorityLevelConfiguration).Spec
	}
	return out
}

func sameSpec(a, b api.Object) bool {
	switch x := a.(type) {
	case *flowcontrolv1.FlowSchema:
		return reflect.DeepEqual(x.Spec, b.(*flowcontrolv1.FlowSchema).Spec)
	case *flowcontrolv1.PriorityLevelConfiguration:
		want := b.(*flowcontrolv1.PriorityLevelConfiguration).Spec
		if x.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt && x.Spec.Exempt != nil {
			want.Exempt = x.Spec.Exempt
		}
		return reflect.DeepEqual(x.Spec, want)
	}
	return true
}

// tell writes into a schema's status whether its level is missing, if it does
// not say so already.
func (k *Keeper) tell(ctx context.Context, schemas []*flowcontrolv1.FlowSchema, name string, dangles bool) error {
	for _, s := range schemas {
		if s.Name != name {
			continue
		}
		if hasCondition(s, danglingCondition(s, dangles)) {
			return nil
		}
		_, err := k.Objects.Update(ctx, schemaResource, "", name, func(o api.Object) error {
			into, ok := o.(*flowcontrolv1.FlowSchema)
			if !ok || into.UID != s.UID {
				return nil // another by that name: its event comes
			}
			setCondition(into, danglingCondition(into, dangles))
			return nil
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("update status of flowschema %s: %w", name, err)
		}
	}
	return nil
}

func danglingCondition(s *flowcontrolv1.FlowSchema, dangles bool) flowcontrolv1.FlowSchemaCondition {
	level := s.Spec.PriorityLevelConfiguration.Name
	c := flowcontrolv1.FlowSchemaCondition{Type: flowcontrolv1.FlowSchemaConditionDangling, Status: flowcontrolv1.ConditionFalse, Reason: "Found",
		Message: fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q and it exists", level)}
	if dangles {
		c.Status, c.Reason = flowcontrolv1.ConditionTrue, "NotFound"
		c.Message = fmt.Sprintf("This FlowSchema references the PriorityLevelConfiguration object named %q but there is no such object", level)
	}
	return c
}

func hasCondition(s *flowcontrolv1.FlowSchema, wanted flowcontrolv1.FlowSchemaCondition) bool {
	for _, c := range s.Status.Conditions {
		if c.Type == wanted.Type {
			return c.Status == wanted.Status && c.Reason == wanted.Reason && c.Message == wanted.Message
		}
	}
	return false
}

func setCondition(s *flowcontrolv1.FlowSchema, wanted flowcontrolv1.FlowSchemaCondition) {
	wanted.LastTransitionTime = metav1.Now()
	for i, c := range s.Status.Conditions {
		if c.Type != wanted.Type {
			continue
		}
		if c.Status == wanted.Status {
			wanted.LastTransitionTime = c.LastTransitionTime
		}
		s.Status.Conditions[i] = wanted
		return
	}
	s.Status.Conditions = append(s.Status.Conditions, wanted)
}
