package resource

import (
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

type taintRule = resourcev1.DeviceTaintRule

func deviceTaintRules() *api.Resource {
	return api.Definition[*taintRule]{
		Kind:                  resourcev1.SchemeGroupVersion.WithKind("DeviceTaintRule"),
		Plural:                "devicetaintrules",
		Cluster:               true,
		ConditionalUpdateOnly: true,
		New:                   api.New[taintRule],
		NewList:               api.NewList[resourcev1.DeviceTaintRuleList],
		PrepareForCreate: func(r *taintRule) {
			r.Generation, r.Status = 1, resourcev1.DeviceTaintRuleStatus{}
		},
		PrepareForUpdate: prepareTaintRule,
		Default:          func(r *taintRule) { defaultTaint(&r.Spec.Taint) },
		Validate:         func(r *taintRule) field.ErrorList { return validateTaintRule(r, nil) },
		ValidateUpdate:   func(r, old *taintRule) field.ErrorList { return validateTaintRule(r, &old.Spec.Taint) },
		Subresources: map[string]api.Subresource[*taintRule]{
			"status": {Prepare: func(r, old *taintRule) { r.Spec = old.Spec; api.KeepMetadata(r, old) }, ValidateUpdate: validateTaintRuleStatus},
		},
		Columns: []api.Column[*taintRule]{
			{Name: "Key", Cell: func(r *taintRule) any { return r.Spec.Taint.Key }},
			{Name: "Value", Cell: func(r *taintRule) any { return r.Spec.Taint.Value }},
			{Name: "Effect", Cell: func(r *taintRule) any { return string(r.Spec.Taint.Effect) }},
			{Name: "TimeAdded", Cell: func(r *taintRule) any {
				if r.Spec.Taint.TimeAdded == nil {
					return ""
				}
				return api.Age(*r.Spec.Taint.TimeAdded)
			}},
			api.AgeColumn[*taintRule](),
		},
	}.Resource()
}

// prepareTaintRule: a taint is as old as its effect, from which tolerations are
// counted, unless the client says otherwise.
func prepareTaintRule(r, old *taintRule) {
	r.Status = old.Status
	if r.Spec.Taint.Effect != old.Spec.Taint.Effect && r.Spec.Taint.TimeAdded.Equal(old.Spec.Taint.TimeAdded) {
		r.Spec.Taint.TimeAdded = wholeSecond()
	}
	api.BumpGeneration(r, old, r.Spec, old.Spec)
}

// defaultTaint: a taint is added when it is first written.
func defaultTaint(t *resourcev1.DeviceTaint) {
	if t.TimeAdded == nil {
		t.TimeAdded = wholeSecond()
	}
}

// wholeSecond is now, as it will be read back.
func wholeSecond() *metav1.Time { return new(metav1.NewTime(time.Now().Truncate(time.Second))) }

func validateTaintRule(r *taintRule, old *resourcev1.DeviceTaint) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if s, at := r.Spec.DeviceSelector, spec.Child("deviceSelector"); s != nil {
		if s.Driver != nil {
			errs = append(errs, driverName(*s.Driver, at.Child("driver"))...)
		}
		if s.Pool != nil {
			errs = append(errs, poolName(*s.Pool, at.Child("pool"))...)
		}
		if s.Device != nil {
			errs = append(errs, label(*s.Device, at.Child("device"))...)
		}
	}
	return append(errs, changedTaint(&r.Spec.Taint, old, spec.Child("taint"))...)
}

func validateTaintRuleStatus(r, _ *taintRule) field.ErrorList {
	at := field.NewPath("status", "conditions")
	errs := metavalidation.ValidateConditions(r.Status.Conditions, at)
	if n := len(r.Status.Conditions); n > resourcev1.DeviceTaintRuleStatusMaxConditions {
		errs = append(errs, field.TooMany(at, n, resourcev1.DeviceTaintRuleStatusMaxConditions))
	}
	return errs
}
