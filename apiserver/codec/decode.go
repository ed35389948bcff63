package codec

import (
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"minke/apiserver/codec/untyped"
)

// Validation is what the fieldValidation parameter asks for.
type Validation string

// The values of fieldValidation. Warn is the default.
const (
	Strict Validation = "Strict"
	Warn   Validation = "Warn"
	Ignore Validation = "Ignore"
)

// Body is what a client sent.
type Body struct {
	Data       []byte
	Format     Format
	Validation Validation
	// Bare makes errors name nothing but their cause, as those of DeleteOptions do.
	Bare bool
	// KindName words a kind that the body names where beside was expected, as
	// "v1.Pod"; empty for one that is not known there. A nil function leaves that open.
	KindName func(named, beside schema.GroupVersionKind) string
}

// Decode reads the body into obj, an empty object that serves kind. It returns
// warnings about unknown and duplicate fields. Errors are StatusErrors.
func (b *Body) Decode(obj runtime.Object, kind schema.GroupVersionKind) (warnings []string, err error) {
	switch b.Format {
	case Protobuf:
		return nil, b.decodeProtobuf(obj, kind)
	case CBOR:
		return b.decodeCBOR(obj, kind)
	}
	data, strict, err := b.json(typed(obj))
	if err != nil {
		return nil, b.refuse(kind, nil, err)
	}
	more, err := unmarshal(data, obj, b.Validation)
	strict = append(strict, more...)
	named := obj.GetObjectKind().GroupVersionKind()
	if err != nil || named.Version == "" && typed(obj) {
		var unreadable error
		if named, unreadable = peek(data); unreadable != nil {
			return nil, b.refuse(kind, nil, unreadable)
		}
	}
	if u, ok := obj.(*unstructured.Unstructured); ok && err == nil {
		if err := b.nameless(u, kind, data); err != nil {
			return nil, err
		}
	}
	if typed(obj) {
		if err := b.checkNamed(named, kind, data); err != nil {
			return nil, err
		}
	} else if wrong := checkKind(named, kind); wrong != nil {
		if u, ok := obj.(*unstructured.Unstructured); ok && err == nil {
			wrong = wrongKind(u, named, kind, wrong)
		}
		return nil, wrong
	}
	if err != nil {
		return nil, b.refuse(kind, data, err)
	}
	if len(strict) > 0 && b.Validation == Strict {
		return nil, b.refuse(kind, data, runtime.NewStrictDecodingError(strict))
	}
	warnings = complaints(strict)
	obj.GetObjectKind().SetGroupVersionKind(kind)
	return warnings, nil
}

func (b *Body) decodeProtobuf(obj runtime.Object, kind schema.GroupVersionKind) error {
	named, raw, err := OpenEnvelope(b.Data)
	if err != nil {
		return b.refuse(schema.GroupVersionKind{Kind: kind.Kind}, b.Data, err)
	}
	if wrong := b.checkNamed(named, kind, b.Data); wrong != nil {
		return wrong
	}
	if err := checkMessage(raw, obj); err != nil {
		return err
	}
	if err := DecodeMessage(raw, obj); err != nil {
		return b.refuse(kind, nil, err)
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	return nil
}

// typed tells whether an object's fields are those of a Go type.
func typed(obj any) bool {
	_, untyped := obj.(runtime.Unstructured)
	return !untyped
}

// json returns the body as JSON, checked for depth and for how many elements
// its lists have. For YAML it also returns what is wrong with it in strict
// terms.
func (b *Body) json(typed bool) ([]byte, []error, error) {
	if b.Format != YAML || b.plainJSON() {
		if err := CheckDepth(b.Data); err != nil {
			return nil, nil, err
		}
		return b.Data, nil, CheckElements(b.Data, typed)
	}
	data, strict, err := b.yaml()
	if err == nil {
		err = CheckElements(data, typed)
	}
	return data, strict, err
}

// plainJSON tells that a YAML body can be read as JSON: clients that apply send JSON
// under the name of YAML, which it is. What is wrong with it is told in YAML's words.
func (b *Body) plainJSON() bool {
	return bytes.HasPrefix(b.Data, []byte("{")) && stdjson.Valid(b.Data) && (b.Validation == Ignore || len(Check(b.Data)) == 0)
}

func (b *Body) yaml() ([]byte, []error, error) {
	if err := checkYAMLNodes(b.Data); err != nil {
		return nil, nil, err
	}
	if err := checkYAML(b.Data); err != nil {
		return nil, nil, err
	}
	data, err := yaml.YAMLToJSONStrict(b.Data)
	if err == nil || b.Validation == Ignore && yamlLenient(b.Data, &data) {
		return data, nil, nil
	}
	if yamlLenient(b.Data, &data) {
		return data, []error{err}, nil
	}
	return nil, nil, err
}

func yamlLenient(text []byte, data *[]byte) bool {
	lenient, err := yaml.YAMLToJSON(text)
	*data = lenient
	return err == nil
}

// Fields reads the body without a type, for server-side apply. It returns what
// is wrong in strict terms as warnings, or as an error where that is asked for.
func (b *Body) Fields() (map[string]any, []string, error) {
	if b.Format == CBOR {
		// There is nothing strict to tell: a field that is named twice is refused.
		fields, err := fieldsCBOR(b.Data)
		return fields, nil, err
	}
	if fields := b.plainFields(); fields != nil {
		return fields, nil, nil
	}
	data, strict, err := b.json(false)
	if err != nil {
		return nil, nil, err
	}
	var fields map[string]any
	more, err := unmarshalFields(data, &fields, b.Validation)
	if err != nil {
		return nil, nil, err
	}
	if strict = append(strict, more...); len(strict) > 0 && b.Validation == Strict {
		return nil, nil, runtime.NewStrictDecodingError(strict)
	}
	return fields, complaints(strict), nil
}

// complaints are the texts of what is wrong in strict terms. What is wrong with a
// YAML text is one error of several lines; each is a complaint.
func complaints(strict []error) (texts []string) {
	for _, e := range strict {
		lines, many := strings.CutPrefix(strings.TrimPrefix(e.Error(), "error converting YAML to JSON: "), "yaml: unmarshal errors:\n")
		if !many {
			texts = append(texts, e.Error())
			continue
		}
		for line := range strings.SplitSeq(lines, "\n") {
			texts = append(texts, strings.TrimSpace(line))
		}
	}
	return texts
}

// plainFields reads a body that is plain JSON, under whatever name, and within
// bounds; it returns nil for others.
func (b *Body) plainFields() map[string]any {
	if !bytes.HasPrefix(b.Data, []byte("{")) || CheckDepth(b.Data) != nil || CheckElements(b.Data, false) != nil {
		return nil
	}
	v, _ := untyped.Decode(b.Data)
	fields, _ := v.(map[string]any)
	return fields
}

// Check returns what is wrong, in strict terms, with a JSON text of no
// particular type: duplicate fields.
func Check(data []byte) []error {
	if _, plain := untyped.Decode(data); plain {
		return nil
	}
	var anything any
	strict, err := kjson.UnmarshalStrict(data, &anything, kjson.DisallowDuplicateFields)
	if err != nil {
		return nil // whoever reads it for its meaning will say so
	}
	return strict
}

// OtherKind is the error that an object is of another kind than the one wanted.
type OtherKind struct{ Named, Wanted schema.GroupVersionKind }

func (e *OtherKind) Error() string {
	return fmt.Sprintf("unable to decode %s into %s", e.Named, e.Wanted)
}

// Unmarshal reads a JSON text that this server made into obj, which serves
// kind. It returns unknown fields apart unless they are to be ignored. Of an object
// with a Go type the kind is presumed if there is none. The error may be an OtherKind.
func Unmarshal(data []byte, obj runtime.Object, kind schema.GroupVersionKind, v Validation) (strict []error, err error) {
	if err := CheckDepth(data); err != nil {
		return nil, err
	}
	if err := CheckElements(data, typed(obj)); err != nil {
		return nil, err
	}
	strict, err = unmarshal(data, obj, v)
	if err != nil {
		if _, unnamed := peek(data); unnamed != nil {
			return nil, unnamed
		}
		return nil, err
	}
	named := obj.GetObjectKind().GroupVersionKind()
	if named.Kind == "" && typed(obj) {
		named.Kind = kind.Kind
		obj.GetObjectKind().SetGroupVersionKind(named)
	}
	if named != kind {
		return nil, &OtherKind{named, kind}
	}
	return strict, nil
}

// unmarshal reads JSON into obj and returns strict complaints apart.
func unmarshal(data []byte, obj any, v Validation) ([]error, error) {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		// Its own decoding does not tell duplicate fields.
		u.Object = nil
		strict, err := unmarshalFields(data, &u.Object, v)
		if err == nil && u.Object == nil {
			u.Object = map[string]any{}
		}
		return strict, err
	}
	if v == Ignore {
		return nil, kjson.UnmarshalCaseSensitivePreserveInts(data, obj)
	}
	return kjson.UnmarshalStrict(data, obj)
}

// unmarshalFields reads JSON without a type, by the short way if it is plain.
func unmarshalFields(data []byte, fields *map[string]any, v Validation) ([]error, error) {
	if value, ok := untyped.Decode(data); ok {
		if read, ok := value.(map[string]any); ok {
			*fields = read
			return nil, nil
		}
	}
	return unmarshal(data, fields, v)
}

// peek returns the kind that a JSON body names.
func peek(data []byte) (schema.GroupVersionKind, error) {
	var named struct {
		APIVersion string `json:"apiVersion,omitempty"` // errors show the tags
		Kind       string `json:"kind,omitempty"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &named); err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("couldn't get version/kind; json parse error: %w", err)
	}
	gv, err := schema.ParseGroupVersion(named.APIVersion)
	return gv.WithKind(named.Kind), err
}

// refuse words a decoding failure as Kubernetes does.
func (b *Body) refuse(kind schema.GroupVersionKind, data []byte, cause error) error {
	var status apierrors.APIStatus
	if errors.As(cause, &status) {
		return cause
	}
	if b.Bare {
		return apierrors.NewBadRequest(cause.Error())
	}
	if kind.Version != "" && (data != nil || b.Format == Protobuf) {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", kind.Kind, kind.Version, kind.Kind, cause))
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)", kind.Kind, cause, summary(b.Data)))
}

// summary shows the beginning of a body in an error, in hexadecimal digits if it
// is no JSON object.
func summary(data []byte) string {
	const shown = 30
	more := ""
	switch {
	case len(data) == 0:
		return "<empty>"
	case len(data) > shown:
		data, more = data[:shown], " ..."
	}
	if data[0] == '{' {
		return string(data) + more
	}
	return hex.EncodeToString(data) + more
}
