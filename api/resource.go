// Package api says what Minke serves. Each API group has a folder with its
// resources; each resource is one declarative registration, a Definition. The
// API server derives everything else from it: routes, discovery, OpenAPI,
// decoding, defaulting, validation, storage, tables and selectors.
//
// To add a resource, write its Definition in its group's folder and name it in
// the group's Resources function. Nothing else.
package api

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Object is what every resource's type offers.
type Object interface {
	runtime.Object
	metav1.Object
}

// Definition is the registration of one resource of type T, a pointer to a
// published API struct such as *corev1.Pod. Every function may be nil. None may
// keep or change what it is not said to change.
type Definition[T Object] struct {
	// Kind is the version in which the object is stored and processed.
	Kind schema.GroupVersionKind
	// Plural is the resource's name in paths; Singular defaults to the
	// lower-cased kind.
	Plural, Singular string
	ShortNames       []string
	Categories       []string
	// Cluster tells that the resource has no namespace.
	Cluster bool
	// Bulky tells that objects are seldom read and take several times the memory
	// of what is stored for them: they are decoded when they are asked for.
	Bulky bool
	// New returns an empty object, NewList an empty list of them.
	New func() T
	// (nil for a review kind).
	NewList func() runtime.Object

	// Default fills in, in place, what the user left out. It runs on every
	// decoded object, also on those read from the store.
	Default func(T)
	// ValidName checks metadata.name (and generateName with prefix set).
	// It defaults to DNS subdomain names (RFC 1123).
	ValidName func(name string, prefix bool) []string
	// NameRule, when set, returns what takes ValidName's place for one object, of
	// whose other fields its name must be made.
	NameRule func(obj T) func(name string, prefix bool) []string

	// PrepareForCreate and PrepareForUpdate drop, in place, what the caller
	// may not set (status), and keep metadata.generation.
	// The server itself cares for name, uid, creationTimestamp and the like,
	// before these run: a job's selector is made of its uid.
	PrepareForCreate func(obj T)
	PrepareForUpdate func(obj, old T)
	// Validate checks an object that is about to be created; ValidateUpdate
	// one that is about to replace old. Metadata is checked by the server.
	Validate       func(obj T) field.ErrorList
	ValidateUpdate func(obj, old T) field.ErrorList
	// Warnings are texts for the client's Warning header; old is nil on create.
	Warnings func(obj, old T) []string
	// WarningsBefore are those about what PrepareForCreate is going to change.
	WarningsBefore func(obj T) []string

	// Subresources that are other ways to update the same object, by name:
	// "status", "ephemeralcontainers", "resize", "finalize".
	Subresources map[string]Subresource[T]
	// Scale, when set, gives the resource a scale subresource.
	Scale *Scale[T]

	// Columns of the server-side table, after NAME; one called "Name" takes
	// NAME's place. When nil the table has NAME and CREATED AT.
	Columns []Column[T]
	// Fields are the supported field selectors besides metadata.name and
	// metadata.namespace, each with its value.
	Fields map[string]func(T) string
	// FieldRefusal words, with a verb for the field, that a selector names one
	// which is not supported. Empty stands for the usual words.
	FieldRefusal string

	// Grace, when set, returns for how many seconds an object stays when it is
	// deleted, marked, until somebody deletes it with none. asked is what the
	// caller asked for, or nil.
	Grace func(obj T, asked *int64) int64
	// BeginDelete, when set, completes an object in place whose deletion begins:
	// the first deletion only marks it, the next ones may remove it.
	BeginDelete func(obj T, o *metav1.DeleteOptions)
	// OrphanWarning is what a client is warned of that deletes without a
	// propagation policy, so that DefaultOrphan decides.
	OrphanWarning string
	// Merging is how objects merge when they are applied, for kinds of which
	// client-go has no merge schema.
	Merging managedfields.TypeConverter
	// CreateOnUpdate lets PUT create the object, as Lease and a few others do.
	CreateOnUpdate bool
	// DefaultOrphan makes orphaning the default when the resource is deleted
	// without a propagation policy.
	DefaultOrphan bool
	// ConditionalUpdateOnly refuses updates without a resourceVersion.
	ConditionalUpdateOnly bool
	// Verbs that are served; nil means all. A review kind has only "create"
	// and is answered by the server, not stored.
	Verbs []string
	// Also lists the other versions in which the resource is served.
	Also []Version
	// Readable lists versions that are never served, but may be stored. They
	// need neither NewList nor Export.
	Readable []Version
}

// Subresource is another way to update an object, with rules of its own.
type Subresource[T Object] struct {
	// Prepare takes back, in place, all changes that this way may not make.
	Prepare        func(obj, old T)
	ValidateUpdate func(obj, old T) field.ErrorList
}

// Scale maps an object to autoscaling/v1 Scale and back.
type Scale[T Object] struct {
	// SpecPath names the field (as in ".spec.replicas") for managed fields and
	// errors.
	SpecPath string
	// Paths are those of the versions by their names ("apps/v1"), empty for one
	// that has no Scale; nil when SpecPath is that of all.
	Paths map[string]string
	Get   func(T) ScaleValues
	Set   func(obj T, replicas int32)
}

// ScaleValues are the three figures of a Scale.
type ScaleValues struct {
	Spec, Status int32
	// Selector is in the form of a label query.
	Selector string
	// Unset tells that the object has no field at SpecPath.
	Unset bool
}

// Column is one column of a table.
type Column[T Object] struct {
	Name string
	// Type and Format are those of OpenAPI; Type defaults to "string".
	Type, Format string
	// Description is shown by clients that ask for it.
	Description string
	// Priority 0 is always shown, above it only with -o wide.
	Priority int32
	// Cell returns a string, an integer, a bool, or nil.
	Cell func(T) any
}

// Version is a further version in which a resource can be read and written.
type Version struct {
	Kind schema.GroupVersionKind
	// Deprecated is the text of the Warning that each use earns; empty for none.
	Deprecated string
	// Hidden leaves the version out of `kubectl api-resources`-style preferred
	// listings: it comes last in discovery.
	Hidden bool
	// New and NewList return empty objects of this version.
	New     func() runtime.Object
	NewList func() runtime.Object
	// Default fills in what this version defaults otherwise than the stored
	// one does; it runs before Import.
	Default func(runtime.Object)
	// Validate and ValidateUpdate, when set, check instead of the resource's own
	// what is written in this version.
	Validate       func(obj Object) field.ErrorList
	ValidateUpdate func(obj, old Object) field.ErrorList
	// Import converts an object of this version to the stored one, Export back.
	Import func(runtime.Object) (Object, error)
	Export func(Object) (runtime.Object, error)
}

// Resource is a Definition with its type erased, as the server uses it. All
// functions are set.
type Resource struct {
	Kind             schema.GroupVersionKind
	Plural, Singular string
	ShortNames       []string
	Categories       []string
	Namespaced       bool
	Bulky            bool
	New              func() Object
	NewList          func() runtime.Object

	Default   func(Object)
	ValidName func(name string, prefix bool) []string
	// NameRule is nil where ValidName holds for all objects.
	NameRule         func(obj Object) func(name string, prefix bool) []string
	PrepareForCreate func(obj Object)
	PrepareForUpdate func(obj, old Object)
	Validate         func(obj Object) field.ErrorList
	ValidateUpdate   func(obj, old Object) field.ErrorList
	Warnings         func(obj, old Object) []string
	WarningsBefore   func(obj Object) []string // nil for none
	Subresources     map[string]Subresource[Object]
	// Scale is nil when the resource has none.
	Scale *Scale[Object]

	Columns []Column[Object]
	// FieldSet returns the values that field selectors may ask for.
	FieldSet func(Object) fields.Set
	// FieldNames are the keys of FieldSet's result.
	FieldNames []string
	// FieldRefusal words that a field is not among them.
	FieldRefusal string

	// Grace is nil when deletion is immediate.
	Grace                 func(obj Object, asked *int64) int64
	OrphanWarning         string
	CreateOnUpdate        bool
	DefaultOrphan         bool
	ConditionalUpdateOnly bool
	Verbs                 []string
	Also                  []Version
	// Readable are the further versions that stored objects may be in: an older
	// release, or kube-apiserver, stored them. They need not be served.
	Readable []Version
	// Unserved tells that Kind's version is what is stored, but only those of Also
	// are served.
	Unserved bool
	// BeginDelete is nil when the first deletion may remove the object.
	BeginDelete func(obj Object, o *metav1.DeleteOptions)

	// What follows is for resources whose objects have a schema instead of a Go
	// type (custom resources). It is empty for all others.

	// Conform gives an object that was just decoded from a request the form that
	// its schema demands, in place, and returns the paths of the fields that it
	// dropped because the schema does not know them.
	Conform func(obj Object) (unknown []string, err error)
	// Restore gives a stored object without a Go type, in place, the form of the
	// version that it names, with its defaults, and then that of another version,
	// which it names from then on; Renamed does without defaults. Both are set when
	// Conform is.
	Restore, Renamed func(obj Object, version string)
	// Merging knows how objects merge when they are applied.
	Merging managedfields.TypeConverter
	// StoredVersion is the version that stored objects name, when it is not
	// Kind's: unless Convert is set, objects of all versions differ in nothing
	// but their names then.
	StoredVersion string
	// Convert, when set, returns objects, which are of any version of the
	// resource, in the version called to, in their order. They are not changed;
	// those that are in that version already are returned as they are. Stored
	// objects then stay in the version in which they were written, also in the
	// server's cache: Restore completes each in its own.
	Convert func(ctx context.Context, to string, objs []Object) ([]Object, error)
	// Deprecated is the text of the Warning that each use earns.
	Deprecated string
	// Broken, when set, is what every request is answered with.
	Broken error
}

// GroupResource names the resource.
func (r *Resource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Kind.Group, Resource: r.Plural}
}

// GroupVersionResource names the resource in its stored version.
func (r *Resource) GroupVersionResource() schema.GroupVersionResource {
	return r.Kind.GroupVersion().WithResource(r.Plural)
}

// Serves tells whether the verb is offered.
func (r *Resource) Serves(verb string) bool {
	for _, v := range r.Verbs {
		if v == verb {
			return true
		}
	}
	return false
}
