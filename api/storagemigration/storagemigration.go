// Package storagemigration holds the resources of the group
// storagemigration.k8s.io: orders to store objects anew (KEP-4192).
package storagemigration

import (
	storagemigrationv1 "k8s.io/api/storagemigration/v1"

	"minke/api"
)

type migration = storagemigrationv1.StorageVersionMigration

// Resources lists what the group serves.
func Resources() []*api.Resource {
	return []*api.Resource{storageVersionMigrations()}
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
			{Name: "Resource", Cell: func(m *migration) any {
				return m.Spec.Resource.Resource + "." + m.Spec.Resource.Group
			}},
			api.AgeColumn[*migration](),
		},
	}.Resource()
}
