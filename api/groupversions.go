package api

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersions lists the group versions in which the resources are served, in
// the order of their names.
func GroupVersions(resources []*Resource) []schema.GroupVersion {
	seen := map[schema.GroupVersion]bool{}
	var out []schema.GroupVersion
	add := func(gv schema.GroupVersion) {
		if !seen[gv] {
			seen[gv] = true
			out = append(out, gv)
		}
	}
	for _, r := range resources {
		if !r.Unserved {
			add(r.Kind.GroupVersion())
		}
		for _, v := range r.Also {
			add(v.Kind.GroupVersion())
		}
	}
	slices.SortFunc(out, func(a, b schema.GroupVersion) int { return strings.Compare(a.String(), b.String()) })
	return out
}
