package apiextensions

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What is the same in all versions is complained about once, under the name that
// it had in v1beta1.
func TestPlacesOfComplaints(t *testing.T) {
	of := func(types ...string) (out []apiextensionsv1.CustomResourceDefinitionVersion) {
		for i, kind := range types {
			out = append(out, apiextensionsv1.CustomResourceDefinitionVersion{Name: "v" + string(rune('1'+i)), Served: true, Storage: i == 0,
				Schema:                   &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: kind}},
				AdditionalPrinterColumns: []apiextensionsv1.CustomResourceColumnDefinition{{Name: "a", Type: "string"}}})
		}
		return out
	}
	for _, c := range []struct {
		types []string
		want  []string
	}{
		{[]string{"string"}, []string{"spec.additionalPrinterColumns[0].JSONPath", "spec.validation.openAPIV3Schema.type"}},
		{[]string{"string", "string"}, []string{"spec.additionalPrinterColumns[0].JSONPath", "spec.validation.openAPIV3Schema.type"}},
		{[]string{"string", "object"}, []string{"spec.additionalPrinterColumns[0].JSONPath", "spec.versions[0].schema.openAPIV3Schema.type"}},
		{[]string{"object", "string"}, []string{"spec.additionalPrinterColumns[0].JSONPath", "spec.versions[1].schema.openAPIV3Schema.type"}},
	} {
		now, err := internalOf(&definition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Versions: of(c.types...)}})
		if err != nil {
			t.Fatal(err)
		}
		path := field.NewPath("spec")
		var got []string
		for _, err := range append(validateVersions(&now.Spec, leniency{}, path), validateCommon(&now.Spec, leniency{}, path)...) {
			got = append(got, err.Field)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", strings.Join(c.types, ", "), got, c.want)
		}
	}
}
