package legacy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// lifecycle is what k8s.io/api's old types tell of themselves.
type lifecycle interface {
	APILifecycleDeprecated() (major, minor int)
	APILifecycleRemoved() (major, minor int)
	APILifecycleReplacement() schema.GroupVersionKind
}

// deprecation is Kubernetes' own text, and that Minke still converts.
func deprecation(kind schema.GroupVersionKind, o any) string {
	gv, name := kind.GroupVersion(), kind.Kind
	text := fmt.Sprintf("%s %s is deprecated", gv, name)
	l, ok := o.(lifecycle)
	if !ok {
		return text + "; Minke converts it"
	}
	major, minor := l.APILifecycleDeprecated()
	removedMajor, removedMinor := l.APILifecycleRemoved()
	text = fmt.Sprintf("%s in v%d.%d+, unavailable in v%d.%d+", text, major, minor, removedMajor, removedMinor)
	r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	})
	if ok {
		next := r.APILifecycleReplacement()
		text += fmt.Sprintf("; use %s %s", next.GroupVersion(), next.Kind)
	}
	return text + "; Minke converts it"
}

// version serves From, an old version, as one of Stored.
func version[From, List, Stored any, PF interface {
	*From
	runtime.Object
}, PL interface {
	*List
	runtime.Object
}, PS interface {
	*Stored
	api.Object
}](kind schema.GroupVersionKind, a api.Adjust[From, Stored]) api.Version {
	v := api.Converted[From, List, Stored, PF, PL, PS](kind, a)
	v.Deprecated, v.Hidden = deprecation(kind, new(From)), true
	return v
}
