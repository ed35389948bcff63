package codec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"minke/api"
	"minke/apiserver/codec/untyped"
	"minke/store"
)

// Storage is how the objects of one resource are stored: in the protobuf
// envelope, or in JSON when their type has no protobuf form, always without
// resourceVersion, which is the revision of the write.
type Storage struct {
	Kind    schema.GroupVersionKind
	New     func() api.Object
	Default func(api.Object)
	// Restore and Renamed are the resource's.
	Restore, Renamed func(obj api.Object, version string)
	// StoredVersion is the version that stored objects name; empty for Kind's.
	StoredVersion string
	// Others are further versions that a Go type may be stored in.
	Others []api.Version
	// AsWritten tells that objects stay in the version in which they were
	// written, whatever Kind and StoredVersion say.
	AsWritten bool
	// Untyped tells that the objects have no Go type.
	Untyped bool
	// Bulky is the resource's.
	Bulky bool
}

// Lazy implements cache.Lazy: maps take several times the memory of their text.
func (s Storage) Lazy() bool { return s.Bulky || s.Untyped && !s.AsWritten }

// Size implements cache.Lazy. The figures are those of custom resources, and of
// definitions with large schemas.
func (s Storage) Size(value []byte) int {
	if s.Bulky {
		return 512 + 8*len(value)
	}
	return 512 + 4*len(value)
}

// Spot implements cache.Lazy.
func (s Storage) Spot(value []byte) int {
	if s.StoredVersion != "" || !s.Untyped {
		return 0 // the text names another version, or is none
	}
	return untyped.VersionSpot(value)
}

// Settle implements cache.Settler: it names obj's kind and takes away what no
// encoding has.
func (s Storage) Settle(obj runtime.Object) {
	if !s.AsWritten {
		obj.GetObjectKind().SetGroupVersionKind(s.Kind)
	}
	s.roundTrip(obj)
	settle(obj)
}

// roundTrip makes of an object without a Go type, in place, what is left of it when
// it is stored in another version than Kind's: that has fields, and defaults, of its own.
func (s Storage) roundTrip(obj runtime.Object) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok || s.AsWritten || s.StoredVersion == "" || s.Restore == nil {
		return
	}
	u.Object = runtime.DeepCopyJSON(u.Object) // parts of it are also those of other objects
	s.Renamed(u, s.StoredVersion)
	s.Restore(u, s.Kind.Version)
}

// Encode returns what is stored for obj.
func (s Storage) Encode(obj runtime.Object) ([]byte, error) {
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.Kind.Kind, err)
	}
	if m.GetResourceVersion() != "" {
		obj = obj.DeepCopyObject()
		m, _ = meta.Accessor(obj)
		m.SetResourceVersion("")
	}
	if HasProtobuf(obj) {
		return EncodeProtobuf(obj, s.Kind)
	}
	if u, ok := obj.(*unstructured.Unstructured); ok && s.StoredVersion != "" && !s.AsWritten {
		named := maps.Clone(u.Object)
		named["apiVersion"] = schema.GroupVersion{Group: s.Kind.Group, Version: s.StoredVersion}.String()
		return marshalFields(named)
	}
	return marshal(obj)
}

// Decode returns the object that value holds, with its kind, its defaults, and
// rev as its resourceVersion.
func (s Storage) Decode(value []byte, rev store.Revision) (runtime.Object, error) {
	obj, err := s.decode(value)
	if err != nil {
		return nil, fmt.Errorf("decode stored %s: %w", s.Kind.Kind, err)
	}
	s.restore(obj)
	obj.SetResourceVersion(strconv.FormatInt(int64(rev), 10))
	return obj, nil
}

// restore gives an object as it was stored its kind and its defaults.
func (s Storage) restore(obj api.Object) {
	switch {
	case s.Restore == nil:
		obj.GetObjectKind().SetGroupVersionKind(s.Kind)
		s.Default(obj)
	case s.AsWritten:
		s.Restore(obj, obj.GetObjectKind().GroupVersionKind().Version)
	default:
		s.Restore(obj, s.Kind.Version)
		obj.GetObjectKind().SetGroupVersionKind(s.Kind)
	}
}

func (s Storage) decode(value []byte) (api.Object, error) {
	obj := s.New()
	if u, ok := obj.(*unstructured.Unstructured); ok {
		if fields, plain := untyped.Decode(value); plain {
			if u.Object, ok = fields.(map[string]any); ok {
				return obj, nil
			}
		}
		return obj, kjson.UnmarshalCaseSensitivePreserveInts(value, &u.Object)
	}
	if !IsProtobuf(value) {
		if err := kjson.UnmarshalCaseSensitivePreserveInts(value, obj); err != nil {
			return nil, err
		}
		kind := obj.GetObjectKind().GroupVersionKind()
		if kind == s.Kind || kind.Empty() {
			return obj, nil
		}
		return s.imported(kind, func(obj runtime.Object) error { return kjson.UnmarshalCaseSensitivePreserveInts(value, obj) })
	}
	kind, raw, err := OpenEnvelope(value)
	switch {
	case err != nil:
		return nil, err
	case kind == s.Kind:
		return obj, DecodeMessage(raw, obj)
	}
	return s.imported(kind, func(obj runtime.Object) error { return DecodeMessage(raw, obj) })
}

// imported returns an object that is stored in another version, as read reads it.
func (s Storage) imported(kind schema.GroupVersionKind, read func(runtime.Object) error) (api.Object, error) {
	i := slices.IndexFunc(s.Others, func(v api.Version) bool { return v.Kind == kind })
	if i < 0 {
		return nil, fmt.Errorf("found a %s", kind)
	}
	obj := s.Others[i].New()
	if err := read(obj); err != nil {
		return nil, err
	}
	if s.Others[i].Default != nil {
		s.Others[i].Default(obj)
	}
	return s.Others[i].Import(obj)
}
