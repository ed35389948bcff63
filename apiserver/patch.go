package apiserver

import (
	"errors"
	"fmt"
	"mime"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/codec"
	"minke/apiserver/patch"
	"minke/store/cache"
)

// patch changes the object by a description of the change. It is applied to
// the object as it stands, again whenever somebody was faster.
func (c *call) patch() error {
	p, err := c.readPatch()
	if err != nil {
		return err
	}
	if p.apply {
		return c.serverSideApply(p.options, p.body, p.format)
	}
	item, _, err := c.apply(c.patchChange(p.options, p.kind, p.body))
	if err != nil {
		return err
	}
	return c.writeItem(http.StatusOK, item)
}

// patchRequest is what a patch asks for.
type patchRequest struct {
	options *writeOptions
	kind    types.PatchType
	body    []byte
	// apply tells that it is a server-side apply, whose body is in format.
	apply  bool
	format codec.Format
}

// readPatch reads a patch of an object or of its scale, and tells the audit.
func (c *call) readPatch() (p patchRequest, err error) {
	if p.options, err = c.writeOptions("PatchOptions"); err != nil {
		return p, err
	}
	if p.kind, err = c.patchType(); err != nil {
		return p, err
	}
	if p.body, err = c.readBody(); err != nil {
		return p, err
	}
	c.auditPatch(p.body)
	switch p.kind {
	case types.ApplyYAMLPatchType:
		p.apply, p.format = true, codec.YAML
	case types.ApplyCBORPatchType:
		p.apply, p.format = true, codec.CBOR
	default:
		if p.options.force {
			return p, forceForbidden()
		}
	}
	return p, nil
}

func (c *call) patchType() (types.PatchType, error) {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	kind := types.PatchType(media)
	switch kind {
	case types.JSONPatchType, types.MergePatchType, types.ApplyYAMLPatchType:
		return kind, nil
	case types.StrategicMergePatchType:
		if _, untyped := c.end.empty().(*unstructured.Unstructured); !untyped {
			return kind, nil
		}
	case types.ApplyCBORPatchType:
		if c.cfg.CBOR {
			return kind, nil
		}
	}
	if c.end.use == nil {
		err := fail(http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType, "415: Unsupported Media Type")
		err.ErrStatus.Details = &metav1.StatusDetails{}
		return "", err
	}
	return "", unsupportedMedia(c.patchMedia())
}

// patchMedia lists the kinds of patch that the endpoint takes, as errors do.
func (c *call) patchMedia() string {
	media := patch.Media
	if _, untyped := c.end.empty().(*unstructured.Unstructured); untyped {
		media = patch.MediaUntyped
	}
	if c.cfg.CBOR {
		media += ", " + string(types.ApplyCBORPatchType)
	}
	return media
}

func (c *call) patchChange(o *writeOptions, kind types.PatchType, body []byte) *change {
	ch := &change{options: o, way: c.end.Subresources[c.info.Subresource], ofSub: c.info.Subresource != "", derived: true}
	ch.compute = func(old *cache.Item) (api.Object, error) {
		c.work.Event("About to apply patch")
		obj, err := c.merged(kind, old, body, o.validation)
		if obj == nil && err == nil {
			obj, err = c.patchText(kind, old, body, o.validation)
		}
		if err != nil {
			return nil, err
		}
		// What the patch did not say about the resourceVersion is not insisted on.
		if obj.GetResourceVersion() == metaOf(old).GetResourceVersion() {
			obj.SetResourceVersion("")
		}
		return obj, nil
	}
	return ch
}

// patchText applies the patch in body to the JSON of old.
func (c *call) patchText(kind types.PatchType, old *cache.Item, body []byte, v codec.Validation) (api.Object, error) {
	original, err := c.end.views.json.encoding(old)
	if err != nil {
		return nil, err
	}
	patched, err := patch.Apply(kind, original, body, c.end.empty())
	if err != nil {
		return nil, err
	}
	if int64(len(patched)) > c.cfg.Limits.Body {
		return nil, apierrors.NewRequestEntityTooLargeError("the patched object is too large")
	}
	if _, untyped := c.end.empty().(*unstructured.Unstructured); kind == types.StrategicMergePatchType && !untyped {
		return c.patchedFields(patched, body, v)
	}
	return c.patched(patched, body, v)
}

// patched decodes the result of the patch in body.
func (c *call) patched(data, body []byte, v codec.Validation) (api.Object, error) {
	obj := c.end.empty()
	if err := c.decodePatched(obj, c.end.kind, data, body, v); err != nil {
		return nil, err
	}
	if err := c.conform(obj, v, data); err != nil {
		return nil, err
	}
	stored, err := c.importObject(obj)
	if err != nil {
		return nil, err
	}
	return stored, c.checkName(stored)
}

// decodePatched reads what the patch in body made, which is of a kind, into obj.
func (c *call) decodePatched(obj runtime.Object, kind schema.GroupVersionKind, data, body []byte, v codec.Validation) error {
	strict, err := codec.Unmarshal(data, obj, kind, v)
	if u, ok := obj.(*unstructured.Unstructured); ok && err != nil && u.Object != nil {
		err = c.mistaken(u, data)
		if err == nil {
			strict = nil
		}
	}
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return err
	}
	if other := (*codec.OtherKind)(nil); errors.As(err, &other) && other.Named.Version != "" && c.cfg.KindName != nil && c.cfg.KindName(other.Named, kind) == "" {
		err = fmt.Errorf("no kind %q is registered for version %q", other.Named.Kind, other.Named.GroupVersion())
	}
	if err != nil {
		return badPatch(data, err)
	}
	if v != codec.Ignore {
		strict = append(codec.Check(body), strict...)
	}
	if len(strict) > 0 && v == codec.Strict {
		return badPatch(data, runtime.NewStrictDecodingError(strict))
	}
	for _, e := range strict {
		c.warn(e.Error())
	}
	return nil
}

// mistaken tells what is wrong with an object without a Go type, which a patch
// made, that names another kind or version than the endpoint's. A change of the status
// takes these back.
func (c *call) mistaken(u *unstructured.Unstructured, data []byte) error {
	named := u.GroupVersionKind()
	if named.Kind == "" {
		return runtime.NewMissingKindErr(string(data))
	}
	if c.info.Subresource != "" {
		u.SetGroupVersionKind(c.end.kind)
		return nil
	}
	var errs field.ErrorList
	if named.Kind != c.end.kind.Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), named.Kind, "must be "+c.end.kind.Kind))
	}
	if want := c.end.kind.GroupVersion().String(); u.GetAPIVersion() != want {
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), u.GetAPIVersion(), "must be "+want))
	}
	return apierrors.NewInvalid(named.GroupKind(), u.GetName(), errs)
}

// badPatch refuses a patch whose result, which it shows, is not an object of the kind.
func badPatch(result []byte, err error) error {
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), string(result), err.Error())})
}
