package codec

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkNamed refuses a body that names another kind than the path's, in the words
// of Kubernetes: it looks for the kind's type, reads the body into it, and only then
// finds that one does not become the other. What the body leaves out is presumed.
// Kubernetes also says where in its source the types are registered.
func (b *Body) checkNamed(named, want schema.GroupVersionKind, data []byte) error {
	if b.KindName == nil {
		return checkKind(named, want)
	}
	if named = presume(named, want); named == want {
		return nil
	}
	if named.Version == "" {
		return handledAs(named, want, runtime.NewMissingVersionErr(string(data)))
	}
	name := b.KindName(named, want)
	switch {
	case named.GroupKind() == want.GroupKind() && (name != "" || named.Version == runtime.APIVersionInternal):
		return checkKind(named, want)
	case name == "" && named.Version == runtime.APIVersionInternal:
		return handledAs(named, want, fmt.Errorf("no kind %q is registered for the internal version of group %q", named.Kind, named.Group))
	case name == "":
		return handledAs(named, want, fmt.Errorf("no kind %q is registered for version %q", named.Kind, named.GroupVersion()))
	case named.Kind != want.Kind:
		return handledAs(named, want, fmt.Errorf("converting (%s) to (%s.%s): unknown conversion", name, internalPackage(want.Group), want.Kind))
	}
	return checkKind(named, want)
}

func handledAs(named, want schema.GroupVersionKind, cause error) error {
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", named.Kind, named.Version, want.Kind, cause))
}

// presume completes what a body says it is with what it must be.
func presume(named, want schema.GroupVersionKind) schema.GroupVersionKind {
	if named.Kind == "" {
		named.Kind = want.Kind
	}
	if named.Version == "" && (named.Group == "" || named.Group == want.Group) {
		named.Group, named.Version = want.Group, want.Version
	}
	return named
}

// internalPackage is what Kubernetes calls the package of a group's types that have
// no version.
func internalPackage(group string) string {
	switch group {
	case "", "events.k8s.io":
		return "core"
	case "internal.apiserver.k8s.io":
		return "apiserverinternal"
	}
	name, _, _ := strings.Cut(group, ".")
	return name
}

// checkKind compares what a body says it is with what it must be. What either
// leaves out is taken as right: DeleteOptions come in any group's version.
func checkKind(named, want schema.GroupVersionKind) error {
	if named.Kind != "" && named.Kind != want.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: the kind in the data (%s) does not match the expected kind (%s)",
			named.Kind, named.Version, want.Kind, named.Kind, want.Kind))
	}
	if want.Version != "" && named.Version != "" && named.GroupVersion() != want.GroupVersion() {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)",
			named.GroupVersion(), want.GroupVersion()))
	}
	return nil
}

// wrongKind words that an object without a Go type is of another kind than the
// path's: it is refused like any other of its fields, unless the version is wrong,
// too.
func wrongKind(u *unstructured.Unstructured, named, want schema.GroupVersionKind, otherwise error) error {
	if named.Kind == want.Kind || named.GroupVersion() != want.GroupVersion() {
		return otherwise
	}
	return apierrors.NewInvalid(named.GroupKind(), u.GetName(), field.ErrorList{
		field.Invalid(field.NewPath("kind"), named.Kind, "must be "+want.Kind)})
}

// nameless refuses an object without a Go type that does not say what it is: of
// others the kind that the path names is presumed, as in Kubernetes.
func (b *Body) nameless(u *unstructured.Unstructured, want schema.GroupVersionKind, data []byte) error {
	kind, _ := u.Object["kind"].(string)
	version, _ := u.Object["apiVersion"].(string)
	if kind == "" || version == "" {
		if _, err := peek(data); err != nil { // they are no strings
			return b.refuse(want, nil, err)
		}
	}
	_, err := schema.ParseGroupVersion(version)
	switch {
	case err != nil:
		return b.refuse(want, nil, err)
	case kind == "" && len(b.Data) == 0:
		return b.refuse(want, nil, runtime.NewMissingKindErr(""))
	case kind == "":
		return b.refuse(want, nil, runtime.NewMissingKindErr(string(data)))
	case version == "":
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data () does not match the expected API version (%s)", want.GroupVersion()))
	}
	return nil
}
