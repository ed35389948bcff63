package apiextensions

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestColumns shows a definition as kubectl prints it.
func TestColumns(t *testing.T) {
	crd := &definition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com", Scope: "Cluster",
		Names:    apiextensionsv1.CustomResourceDefinitionNames{Kind: "A", ShortNames: []string{"x", "y"}},
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v2", Served: true}, {Name: "v1", Served: true, Storage: true}, {Name: "v0"}}}}
	var got []any
	for _, c := range columns() {
		got = append(got, c.Cell(crd))
	}
	if want := []any{"Cluster", "v1(storage),v2", "0001-01-01T00:00:00Z", "example.com", "A", "x,y", false}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStatusUpdate: the names that are accepted are checked, what is stored only
// for being said.
func TestStatusUpdate(t *testing.T) {
	type names = apiextensionsv1.CustomResourceDefinitionNames
	for _, c := range []struct {
		stored []string
		names  names
		want   []string
	}{
		{[]string{"v1"}, names{}, nil},
		{[]string{"v9"}, names{Plural: "a", Kind: "A"}, nil},
		{nil, names{}, []string{"status.storedVersions: Invalid value: null: must have at least one stored version"}},
		{[]string{"v1"}, names{Plural: "a b", Kind: "A_"}, []string{
			`status.acceptedNames.plural: Invalid value: "a b": a DNS-1035 label`,
			`status.acceptedNames.kind: Invalid value: "A_": may have mixed case, but should otherwise match: a DNS-1035 label`}},
		{[]string{"v1"}, names{ShortNames: []string{""}, Categories: []string{"all", "A"}}, []string{
			`status.acceptedNames.shortNames[0]: Invalid value: "": a DNS-1035 label`, `status.acceptedNames.categories[1]: Invalid value: "A": a DNS-1035 label`}},
	} {
		crd := &definition{Status: apiextensionsv1.CustomResourceDefinitionStatus{StoredVersions: c.stored, AcceptedNames: c.names}}
		got := validateStatusUpdate(crd, crd)
		if len(got) != len(c.want) {
			t.Errorf("%v: %v, want %q", c, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i].Error(), c.want[i]) {
				t.Errorf("%v, want %q", got[i], c.want[i])
			}
		}
	}
}
