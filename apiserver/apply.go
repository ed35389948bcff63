package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/apply"
	"minke/apiserver/codec"
	"minke/apiserver/codec/untyped"
	"minke/store/cache"
)

// appliers makes the field managers of an endpoint when they are needed.
type appliers struct {
	mu    sync.Mutex // guards bySub
	bySub map[string]*apply.Manager
}

// applier returns the field manager of one way of writing the endpoint.
func (e *endpoint) applier(subresource string) (*apply.Manager, error) {
	e.appliers.mu.Lock()
	defer e.appliers.mu.Unlock()
	if m := e.appliers.bySub[subresource]; m != nil {
		return m, nil
	}
	m, err := apply.NewManager(e.applyKind(subresource))
	if err == nil {
		e.appliers.bySub[subresource] = m
	}
	return m, err
}

// statusAlone are the built-in resources whose status subresource does not write
// metadata; that of others writes labels and annotations, too.
var statusAlone = map[schema.GroupResource]bool{
	{Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"}: true,
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:                       true,
	{Group: "certificates.k8s.io", Resource: "podcertificaterequests"}:               true,
	{Group: "flowcontrol.apiserver.k8s.io", Resource: "flowschemas"}:                 true,
	{Group: "flowcontrol.apiserver.k8s.io", Resource: "prioritylevelconfigurations"}: true,
	{Group: "internal.apiserver.k8s.io", Resource: "storageversions"}:                true,
	{Group: "networking.k8s.io", Resource: "servicecidrs"}:                           true,
	{Group: "resource.k8s.io", Resource: "devicetaintrules"}:                         true,
	{Group: "resource.k8s.io", Resource: "resourceclaims"}:                           true,
	{Group: "resource.k8s.io", Resource: "resourcepoolstatusrequests"}:               true,
	{Group: "scheduling.k8s.io", Resource: "podgroups"}:                              true,
	{Group: "storage.k8s.io", Resource: "volumeattachments"}:                         true,
	{Group: "storagemigration.k8s.io", Resource: "storageversionmigrations"}:         true,
}

var signingRequests = schema.GroupResource{Group: "certificates.k8s.io", Resource: "certificatesigningrequests"}

func (e *endpoint) applyKind(subresource string) apply.Kind {
	k := apply.Kind{
		Served: e.kind, Stored: e.Kind, Subresource: subresource, Convert: e.convert, Merging: e.Merging,
		Versions: map[schema.GroupVersionKind]func() runtime.Object{e.Kind: func() runtime.Object { return e.New() }},
		Default: func(obj runtime.Object) {
			if stored, ok := obj.(api.Object); ok && obj.GetObjectKind().GroupVersionKind() == e.Kind {
				e.Default(stored)
			}
		},
	}
	if e.Merging != nil {
		k.Entries = apply.Entries{
			Get: func(u *unstructured.Unstructured) []metav1.ManagedFieldsEntry { return managersOf(u) },
			Set: func(u *unstructured.Unstructured, entries []metav1.ManagedFieldsEntry) { setManagers(u, entries) },
		}
	}
	if e.Resource.Convert != nil {
		k.Convert = func(obj runtime.Object, to schema.GroupVersion) (runtime.Object, error) {
			ctx, cancel := context.WithTimeout(context.Background(), convertTime)
			defer cancel()
			return e.convertOne(ctx, to.Version, obj.(api.Object))
		}
	}
	for _, v := range e.Also {
		k.Versions[v.Kind] = v.New
	}
	_, hasStatus := e.Subresources["status"]
	switch {
	case subresource == "status" && (e.Merging != nil || statusAlone[e.GroupResource()]):
		k.Reset = []string{"metadata", "spec"}
	case subresource == "status":
		k.Reset = []string{"spec"}
	case subresource == "" && e.GroupResource() == signingRequests:
		k.Reset = []string{"spec", "status"} // nobody changes a request
	case subresource == "" && hasStatus:
		k.Reset = []string{"status"}
	}
	return k
}

// convert turns an object of any version of the resource to another one.
func (e *endpoint) convert(obj runtime.Object, to schema.GroupVersion) (runtime.Object, error) {
	from := obj.GetObjectKind().GroupVersionKind()
	stored := obj
	for i := range e.Also {
		if v := &e.Also[i]; v.Kind == from {
			imported, err := v.Import(obj)
			if err != nil {
				return nil, fmt.Errorf("convert %s to %s: %w", from, to, err)
			}
			imported.GetObjectKind().SetGroupVersionKind(e.Kind)
			stored = imported
		}
	}
	for i := range e.Also {
		if v := &e.Also[i]; v.Kind.GroupVersion() == to {
			out, err := v.Export(stored.(api.Object))
			if err == nil {
				out.GetObjectKind().SetGroupVersionKind(v.Kind)
			}
			return out, err
		}
	}
	return stored, nil
}

func forceForbidden() error {
	return invalidOptions("PatchOptions", field.ErrorList{field.Forbidden(field.NewPath("force"), "may not be specified for non-apply patch")})
}

func managerRequired() error {
	return invalidOptions("PatchOptions", field.ErrorList{field.Required(field.NewPath("fieldManager"), "is required for apply patch")})
}

// serverSideApply merges an applied configuration by field ownership, and
// creates the object when there is none.
func (c *call) serverSideApply(o *writeOptions, body []byte, format codec.Format) error {
	if o.manager == "" {
		return managerRequired()
	}
	if c.end.untyped() && c.end.Merging == nil {
		return unsupportedMedia(c.patchMedia())
	}
	manager, err := c.end.applier(c.info.Subresource)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	applied, err := c.decodeApplied(body, format, o.validation, c.end.kind)
	if err != nil {
		return err
	}
	o.applied = true
	ch := &change{options: o, way: c.end.Subresources[c.info.Subresource], ofSub: c.info.Subresource != "", derived: true}
	ch.compute = func(old *cache.Item) (api.Object, error) {
		return c.applied(ch, manager, old, applied)
	}
	if !ch.ofSub {
		ch.missing = func() (api.Object, error) {
			empty := c.end.New()
			empty.GetObjectKind().SetGroupVersionKind(c.end.Kind)
			return c.applied(ch, manager, cache.NewItem("", empty, 0), applied)
		}
	}
	item, created, err := c.apply(ch)
	if err != nil {
		return err
	}
	if created {
		return c.writeItem(http.StatusCreated, item)
	}
	return c.writeItem(http.StatusOK, item)
}

// applied returns the object with the configuration merged into it.
func (c *call) applied(ch *change, m *apply.Manager, old *cache.Item, applied *unstructured.Unstructured) (api.Object, error) {
	before := old.Object().(api.Object)
	fields, err := c.fieldsOf(old)
	if err != nil {
		return nil, err
	}
	full, err := c.spelledOut(before, fields)
	if err != nil {
		return nil, err
	}
	merged, err := m.Apply(full, fields, applied, ch.options.manager, ch.options.force)
	if err != nil {
		return nil, applyError(err)
	}
	obj, ok := merged.(api.Object)
	if !ok {
		return nil, fmt.Errorf("apply %s: the merge gave a %T", c.end.kind.Kind, merged)
	}
	obj.GetObjectKind().SetGroupVersionKind(c.end.Kind)
	c.end.Default(obj)
	if err := c.checkName(obj); err != nil {
		return nil, err
	}
	if obj.GetResourceVersion() == before.GetResourceVersion() {
		obj.SetResourceVersion("")
	}
	ch.live = full
	return obj, nil
}

// fieldsOf returns the fields of an object with a Go type, as its JSON has them,
// but for its managedFields, for the caller alone; nil for other objects and in other versions.
func (c *call) fieldsOf(item *cache.Item) (map[string]any, error) {
	if _, untyped := item.Object().(*unstructured.Unstructured); untyped || c.end.version != nil {
		return nil, nil
	}
	data, err := c.end.views.json.encoding(item)
	if err != nil {
		return nil, err
	}
	fields, _ := untyped.DecodeUnmanaged(data)
	return fields, nil
}

// applyError keeps StatusErrors and words the others as Kubernetes does, whose
// schema errors have no reason.
func applyError(err error) error {
	if _, ok := err.(apierrors.APIStatus); ok { //nolint:errorlint // wrapped ones have lost their meaning for the client
		return err
	}
	return fail(http.StatusInternalServerError, metav1.StatusReasonUnknown, err.Error())
}

// unreadable words, as Kubernetes does, why a configuration, which is always read as
// YAML, is none.
func unreadable(err error) string {
	if mistyped := (*json.UnmarshalTypeError)(nil); errors.As(err, &mistyped) {
		return "error unmarshaling JSON: while decoding JSON: " + err.Error()
	}
	if text := err.Error(); strings.HasPrefix(text, "yaml: ") {
		return "error converting YAML to JSON: " + text
	}
	return err.Error()
}

// decodeApplied reads the configuration, which is of a kind. The name may be left to the URL.
func (c *call) decodeApplied(body []byte, format codec.Format, v codec.Validation, want schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	fields, warnings, err := (&codec.Body{Data: body, Format: format, Validation: v}).Fields()
	if err != nil {
		if strict, ok := runtime.AsStrictDecodingError(err); ok {
			return nil, apierrors.NewBadRequest("error strict decoding patch: " + errors.Join(strict.Errors()...).Error())
		}
		return nil, apierrors.NewBadRequest("error decoding patch: " + unreadable(err))
	}
	c.warnAll(warnings)
	obj := &unstructured.Unstructured{Object: fields}
	if kind := obj.GroupVersionKind(); kind.Kind != want.Kind || obj.GetAPIVersion() == "" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid object type: %s", kind))
	}
	if obj.GetName() == "" {
		obj.SetName(c.info.Name)
	}
	return obj, nil
}
