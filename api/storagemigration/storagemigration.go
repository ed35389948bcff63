// Package storagemigration holds the resource of the group storagemigration.k8s.io,
// which asks for objects to be stored anew (KEP-4192).
package storagemigration

import (
	"cmp"
	"strconv"

	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
)

type migration = storagemigrationv1.StorageVersionMigration

// Resources lists the group's resources, each call a fresh list.
func Resources() []*api.Resource { return []*api.Resource{storageVersionMigrations()} }

func storageVersionMigrations() *api.Resource {
	return api.Definition[*migration]{
		Kind:             storagemigrationv1.SchemeGroupVersion.WithKind("StorageVersionMigration"),
		Plural:           "storageversionmigrations",
		Cluster:          true,
		New:              api.New[migration],
		NewList:          api.NewList[storagemigrationv1.StorageVersionMigrationList],
		PrepareForCreate: func(m *migration) { m.Status = storagemigrationv1.StorageVersionMigrationStatus{} },
		PrepareForUpdate: func(m, old *migration) { m.Status = old.Status },
		Validate:         validate,
		ValidateUpdate:   validateUpdate,
		Subresources: map[string]api.Subresource[*migration]{
			"status": {Prepare: func(m, old *migration) { m.Spec = old.Spec; api.KeepMetadata(m, old) }, ValidateUpdate: validateStatus},
		},
		Columns: []api.Column[*migration]{
			{Name: "Resource", Cell: func(m *migration) any {
				return m.Spec.Resource.Resource + "." + m.Spec.Resource.Group
			}},
			api.AgeColumn[*migration](),
		},
	}.Resource()
}

func validate(m *migration) field.ErrorList {
	if m.Spec.Resource.Resource == "" {
		return field.ErrorList{field.Required(field.NewPath("spec", "resource", "resource"), "resource is required")}
	}
	return nil
}

func validateUpdate(m, old *migration) field.ErrorList {
	return append(validate(m), apivalidation.ValidateImmutableField(m.Spec, old.Spec, field.NewPath("spec"))...)
}

// validateStatus holds that a migration begins once and ends once, well or badly.
func validateStatus(m, old *migration) field.ErrorList {
	at := field.NewPath("status", "resourceVersion")
	var errs field.ErrorList
	// A missing one is zero.
	number, err := strconv.ParseInt(cmp.Or(m.Status.ResourceVersion, "0"), 10, 64)
	if err != nil {
		errs = append(errs, field.Invalid(at, m.Status.ResourceVersion, err.Error()))
	}
	errs = append(errs, apivalidation.ValidateNonnegativeField(number, at)...)
	if old.Status.ResourceVersion != "" && old.Status.ResourceVersion != m.Status.ResourceVersion {
		errs = append(errs, field.Invalid(at, m.Status.ResourceVersion, "cannot be updated"))
	}
	at = field.NewPath("status", "conditions")
	errs = append(errs, metavalidation.ValidateConditions(m.Status.Conditions, at)...)
	succeeded, failed, running := is(m, storagemigrationv1.MigrationSucceeded), is(m, storagemigrationv1.MigrationFailed), is(m, storagemigrationv1.MigrationRunning)
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{succeeded && failed, "Both success and failed conditions cannot be true at the same time"},
		{succeeded && running, "Running condition cannot be true when success condition is true"},
		{failed && running, "Running condition cannot be true when failed condition is true"},
		{is(old, storagemigrationv1.MigrationSucceeded) && !succeeded, "Success condition cannot be set to false once it is true"},
		{is(old, storagemigrationv1.MigrationFailed) && !failed, "Failed condition cannot be set to false once it is true"},
	} {
		if c.wrong {
			errs = append(errs, field.Invalid(at, m.Status.Conditions, c.text))
		}
	}
	return errs
}

func is(m *migration, kind storagemigrationv1.MigrationConditionType) bool {
	return meta.IsStatusConditionTrue(m.Status.Conditions, string(kind))
}
