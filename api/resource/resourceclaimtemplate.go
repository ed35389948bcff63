package resource

import (
	resourcev1 "k8s.io/api/resource/v1"

	"minke/api"
)

func resourceClaimTemplates(f features) *api.Resource {
	return api.Definition[*resourcev1.ResourceClaimTemplate]{
		Kind:           resourcev1.SchemeGroupVersion.WithKind("ResourceClaimTemplate"),
		Plural:         "resourceclaimtemplates",
		New:            api.New[resourcev1.ResourceClaimTemplate],
		NewList:        api.NewList[resourcev1.ResourceClaimTemplateList],
		Default:        defaultClaimTemplate,
		Columns:        claimTemplateColumns(),
		Validate:       f.validateClaimTemplate,
		ValidateUpdate: validateClaimTemplateUpdate,
	}.Resource()
}
