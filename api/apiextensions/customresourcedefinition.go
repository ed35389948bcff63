package apiextensions

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/managedfields"

	"minke/api"
)

type definition = apiextensionsv1.CustomResourceDefinition

func customResourceDefinitions() *api.Resource {
	return api.Definition[*definition]{
		Kind:       apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"),
		Plural:     "customresourcedefinitions",
		ShortNames: []string{"crd", "crds"},
		Categories: []string{"api-extensions"},
		Cluster:    true,
		Bulky:      true,

		ConditionalUpdateOnly: true,

		New:              api.New[definition],
		NewList:          api.NewList[apiextensionsv1.CustomResourceDefinitionList],
		Default:          apiextensionsv1.SetObjectDefaults_CustomResourceDefinition,
		NameRule:         nameRule,
		PrepareForCreate: prepareForCreate,
		PrepareForUpdate: prepareForUpdate,
		BeginDelete:      beginDelete,
		Columns:          columns(),
		Subresources: map[string]api.Subresource[*definition]{
			"status": {Prepare: prepareStatus, ValidateUpdate: validateStatusUpdate},
		},
		Validate:       validate,
		ValidateUpdate: validateUpdate,
		Warnings:       warnings,
		// client-go has no merge schema for it. Lists are atomic in the
		// published one too, but for conditions, which nobody applies.
		Merging:  managedfields.NewDeducedTypeConverter(),
		Readable: []api.Version{stored()},
	}.Resource()
}

func prepareForCreate(crd *definition) {
	crd.Status = apiextensionsv1.CustomResourceDefinitionStatus{}
	crd.Generation = 1
	noteStoredVersion(crd)
}

func prepareForUpdate(crd, old *definition) {
	crd.Status = *old.Status.DeepCopy()
	api.BumpGeneration(crd, old, crd.Spec, old.Spec)
	noteStoredVersion(crd)
}

// prepareStatus lets the status subresource change nothing but the status and, as
// Kubernetes does, metadata.
func prepareStatus(crd, old *definition) { crd.Spec = old.Spec }

// noteStoredVersion notes that objects may be stored in the storage version
// from now on.
func noteStoredVersion(crd *definition) {
	i := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Storage })
	if i >= 0 && !slices.Contains(crd.Status.StoredVersions, crd.Spec.Versions[i].Name) {
		crd.Status.StoredVersions = append(crd.Status.StoredVersions, crd.Spec.Versions[i].Name)
	}
}

// beginDelete holds the definition until its objects are gone, and says so.
func beginDelete(crd *definition, _ *metav1.DeleteOptions) {
	if !slices.Contains(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer) {
		crd.Finalizers = append(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer)
	}
	SetCondition(crd, apiextensionsv1.CustomResourceDefinitionCondition{
		Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionTrue, Reason: "InstanceDeletionPending",
		Message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
	})
}

// Condition returns the status of a condition; Unknown when there is none.
func Condition(crd *definition, kind apiextensionsv1.CustomResourceDefinitionConditionType) apiextensionsv1.ConditionStatus {
	for _, c := range crd.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return apiextensionsv1.ConditionUnknown
}

// SetCondition adds a condition or changes the one of its type. The time of
// transition is that of the last change of its status.
func SetCondition(crd *definition, to apiextensionsv1.CustomResourceDefinitionCondition) {
	to.LastTransitionTime = metav1.Now().Rfc3339Copy()
	for i := range crd.Status.Conditions {
		c := &crd.Status.Conditions[i]
		if c.Type != to.Type {
			continue
		}
		if c.Status == to.Status {
			to.LastTransitionTime = c.LastTransitionTime
		}
		*c = to
		return
	}
	crd.Status.Conditions = append(crd.Status.Conditions, to)
}
