package rbac

import "k8s.io/apimachinery/pkg/api/validate/content"

// validName lets names of roles have colons, as in system:node: they need only
// fit in a path.
func validName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}
