// Package storagemigration holds the resources of the group
// storagemigration.k8s.io: orders to store objects anew (KEP-4192).
package storagemigration

import (
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

type migration = storagemigrationv1.StorageVersionMigration

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{storageVersionMigrations()}
}

// progress names the last of the conditions that tell how far a migration is.
func progress(m *migration) string {
	at := "Unknown"
	for _, c := range m.Status.Conditions {
		switch {
		case c.Status != metav1.ConditionTrue:
		case c.Type == string(storagemigrationv1.MigrationRunning), c.Type == string(storagemigrationv1.MigrationFailed), c.Type == string(storagemigrationv1.MigrationSucceeded):
			at = c.Type
		}
	}
	return at
}

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
			{Name: "Name", Description: metav1.ObjectMeta{}.SwaggerDoc()["name"], Cell: func(m *migration) any { return m.Name }},
			{Name: "Resource", Description: "GroupResource to migrate", Cell: func(m *migration) any { return m.Spec.Resource.String() }},
			{Name: "Status", Description: "Status of the migration", Cell: func(m *migration) any { return progress(m) }},
		},
	}.Resource()
}
