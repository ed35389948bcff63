package apiextensions

import (
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api"
)

// stored is the version in which kube-apiserver stores definitions to this day,
// though nobody has served it since 1.22: it is shorter, where all versions of a
// definition have the same schema.
func stored() api.Version {
	return api.Version{
		Kind: v1beta1.SchemeGroupVersion.WithKind("CustomResourceDefinition"),
		New:  func() runtime.Object { return &v1beta1.CustomResourceDefinition{} },
		Default: func(obj runtime.Object) {
			v1beta1.SetObjectDefaults_CustomResourceDefinition(obj.(*v1beta1.CustomResourceDefinition))
		},
		Import: func(obj runtime.Object) (api.Object, error) {
			var between apiextensions.CustomResourceDefinition
			err := v1beta1.Convert_v1beta1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(obj.(*v1beta1.CustomResourceDefinition), &between, nil)
			if err != nil {
				return nil, fmt.Errorf("convert from v1beta1: %w", err)
			}
			var crd apiextensionsv1.CustomResourceDefinition
			if err := apiextensionsv1.Convert_apiextensions_CustomResourceDefinition_To_v1_CustomResourceDefinition(&between, &crd, nil); err != nil {
				return nil, fmt.Errorf("convert to v1: %w", err)
			}
			return &crd, nil
		},
	}
}
