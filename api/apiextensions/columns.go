package apiextensions

import (
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"minke/api"
)

func columns() []api.Column[*definition] {
	return []api.Column[*definition]{
		{Name: "Scope", Description: "Cluster/Namespaced", Cell: func(crd *definition) any { return string(crd.Spec.Scope) }},
		{Name: "Versions", Description: "Served versions", Cell: func(crd *definition) any { return servedVersions(crd) }},
		{Name: "Created At", Type: "date", Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
			Cell: func(crd *definition) any { return crd.CreationTimestamp.UTC().Format(time.RFC3339) }},
		{Name: "Group", Priority: 1, Description: "API group", Cell: func(crd *definition) any { return crd.Spec.Group }},
		{Name: "Kind", Priority: 1, Description: "CustomResource kind", Cell: func(crd *definition) any { return crd.Spec.Names.Kind }},
		{Name: "ShortNames", Priority: 1, Description: "Short names", Cell: func(crd *definition) any { return strings.Join(crd.Spec.Names.ShortNames, ",") }},
		{Name: "Established", Type: "boolean", Priority: 1, Description: "Established status",
			Cell: func(crd *definition) any {
				return Condition(crd, apiextensionsv1.Established) == apiextensionsv1.ConditionTrue
			}},
	}
}

// servedVersions lists the served versions by name, and which of them is stored.
func servedVersions(crd *definition) string {
	var names []string
	for _, v := range crd.Spec.Versions {
		switch {
		case v.Served && v.Storage:
			names = append(names, v.Name+"(storage)")
		case v.Served:
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}
