package codec

import (
	"fmt"
	"maps"
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
	// StoredVersion is the version that stored objects name; empty for Kind's.
	StoredVersion string
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
// encoding of a time has.
func (s Storage) Settle(obj runtime.Object) {
	if !s.AsWritten {
		obj.GetObjectKind().SetGroupVersionKind(s.Kind)
	}
	coarsen(obj)
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
	obj := s.New()
	if err := s.decode(value, obj); err != nil {
		return nil, fmt.Errorf("decode stored %s: %w", s.Kind.Kind, err)
	}
	if !s.AsWritten {
		obj.GetObjectKind().SetGroupVersionKind(s.Kind)
	}
	s.Default(obj)
	obj.SetResourceVersion(strconv.FormatInt(int64(rev), 10))
	return obj, nil
}

func (s Storage) decode(value []byte, obj api.Object) error {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		if fields, plain := untyped.Decode(value); plain {
			if u.Object, ok = fields.(map[string]any); ok {
				return nil
			}
		}
		return kjson.UnmarshalCaseSensitivePreserveInts(value, &u.Object)
	}
	if !IsProtobuf(value) {
		return kjson.UnmarshalCaseSensitivePreserveInts(value, obj)
	}
	kind, raw, err := OpenEnvelope(value)
	if err != nil {
		return err
	}
	if kind != s.Kind {
		return fmt.Errorf("found a %s", kind)
	}
	return DecodeMessage(raw, obj)
}
