package storagemigration

import (
	"strings"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validate(m *migration) field.ErrorList {
	var errs field.ErrorList
	at, of := field.NewPath("spec", "resource"), &m.Spec.Resource
	if of.Resource == "" {
		errs = append(errs, field.Required(at.Child("resource"), "resource is required to be set"))
	} else if problems := validation.IsDNS1035Label(of.Resource); len(problems) > 0 {
		errs = append(errs, field.Invalid(at.Child("resource"), of.Resource, strings.Join(problems, ",")))
	}
	if problems := validation.IsDNS1123Subdomain(of.Group); of.Group != "" && len(problems) > 0 {
		errs = append(errs, field.Invalid(at.Child("group"), of.Group, strings.Join(problems, ",")))
	}
	return errs
}

func validateUpdate(m, old *migration) field.ErrorList {
	return append(validate(m), apivalidation.ValidateImmutableField(m.Spec, old.Spec, field.NewPath("spec"))...)
}

// validateStatus: a migration succeeds or fails, once, and does not run any more
// then.
func validateStatus(m, old *migration) field.ErrorList {
	path := field.NewPath("status")
	at, revision := path.Child("resourceVersion"), m.Status.ResourceVersion
	var errs field.ErrorList
	// One that fails before it began has none.
	if _, err := resourceversion.CompareResourceVersion(revision, revision); err != nil && revision != "" {
		errs = append(errs, field.Invalid(at, revision, err.Error()))
	}
	conditions := path.Child("conditions")
	errs = append(errs, metavalidation.ValidateConditions(m.Status.Conditions, conditions)...)
	if was := old.Status.ResourceVersion; was != "" && was != revision {
		errs = append(errs, field.Invalid(at, revision, "field is immutable"))
	}
	running, succeeded, failed := state(m)
	_, hadSucceeded, hadFailed := state(old)
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{succeeded && failed, "Both success and failed conditions cannot be true at the same time"},
		{succeeded && running, "Running condition cannot be true when success condition is true"},
		{failed && running, "Running condition cannot be true when failed condition is true"},
		{hadSucceeded && !succeeded, "Success condition cannot be set to false once it is true"},
		{hadFailed && !failed, "Failed condition cannot be set to false once it is true"},
	} {
		if c.wrong {
			errs = append(errs, field.Invalid(conditions, m.Status.Conditions, c.text))
		}
	}
	return errs
}

func state(m *migration) (running, succeeded, failed bool) {
	is := func(kind storagemigrationv1.MigrationConditionType) bool {
		return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
	}
	return is(storagemigrationv1.MigrationRunning), is(storagemigrationv1.MigrationSucceeded), is(storagemigrationv1.MigrationFailed)
}
