package apiserver

import (
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/api/untagged"
	"minke/apiserver/admission"
	"minke/apiserver/codec"
	"minke/apiserver/request"
	"minke/store/cache"
)

// writeOptions are the parameters that create, update and patch share.
type writeOptions struct {
	dryRun     bool
	manager    string
	validation codec.Validation
	force      bool
	// applied tells that managedFields are those that an apply computed.
	applied bool
	// given is what the client wrote, for admission to see.
	given metav1.CreateOptions
}

// writeOptions reads them; kind is the name of the options in errors.
func (c *call) writeOptions(kind string) (*writeOptions, error) {
	o := &writeOptions{manager: c.query.Get("fieldManager"), validation: codec.Validation(c.query.Get("fieldValidation"))}
	dryRun := c.query["dryRun"]
	errs := metavalidation.ValidateDryRun(field.NewPath("dryRun"), dryRun)
	errs = append(errs, metavalidation.ValidateFieldManager(o.manager, field.NewPath("fieldManager"))...)
	errs = append(errs, metavalidation.ValidateFieldValidation(field.NewPath("fieldValidation"), string(o.validation))...)
	if err := invalidOptions(kind, errs); err != nil {
		return nil, err
	}
	o.dryRun = len(dryRun) > 0
	o.given = metav1.CreateOptions{DryRun: dryRun, FieldManager: o.manager, FieldValidation: string(o.validation)}
	o.force = request.Flag(c.query, "force")
	if o.validation == "" {
		o.validation = codec.Warn
	}
	return o, nil
}

// optionsType says what options admission sees.
func optionsType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: metav1.SchemeGroupVersion.String(), Kind: kind}
}

// create and update are what admission sees of the options.
func (o *writeOptions) create() *metav1.CreateOptions {
	shown := o.given
	shown.TypeMeta = optionsType("CreateOptions")
	return &shown
}

func (o *writeOptions) update() *metav1.UpdateOptions {
	return &metav1.UpdateOptions{TypeMeta: optionsType("UpdateOptions"), DryRun: o.given.DryRun,
		FieldManager: o.given.FieldManager, FieldValidation: o.given.FieldValidation}
}

// attributes describes a write to the admission plug-ins.
func (c *call) attributes(op admission.Operation, obj, old api.Object, dryRun bool) *admission.Attributes {
	a := &admission.Attributes{
		Operation: op, Resource: c.end.Resource, Subresource: c.info.Subresource,
		Namespace: c.info.Namespace, Name: c.info.Name, User: c.user, DryRun: dryRun,
		Version:  admission.Version{Resource: c.end.kind.GroupVersion().WithResource(c.end.Plural), Kind: c.end.kind},
		Versions: versions{c.end, c.Server},
		Object:   obj, Old: old, Warn: c.warn, Annotations: request.AnnotationsFrom(c.ctx),
	}
	switch own := c.end.Plural == "namespaces" && c.end.kind.Group == ""; {
	case own:
		a.Namespace = a.Name
	case !c.end.Namespaced:
		a.Namespace = ""
	}
	return a
}

// maxComplaints bounds how many complaints about an object are told.
const maxComplaints = 500

// invalid turns complaints about an object to an error.
func (c *call) invalid(name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	// To word them all takes time that grows with the square of their number.
	if more := len(errs) - maxComplaints; more > 0 {
		rest := &field.Error{Type: field.ErrorTypeForbidden, Field: errs[maxComplaints].Field, Detail: fmt.Sprintf("and %d more complaints", more)}
		errs = append(errs[:maxComplaints:maxComplaints], rest)
	}
	if c.end.use == nil {
		errs = onlyOnce(asInternal(errs))
	}
	return apierrors.NewInvalid(c.end.Kind.GroupKind(), name, errs)
}

// asInternal has values shown as Kubernetes' validation has them.
func asInternal(errs field.ErrorList) field.ErrorList {
	for i, e := range errs {
		if value, ok := untagged.Of(e.BadValue); ok {
			shown := *e
			shown.BadValue = value
			errs[i] = &shown
		}
	}
	return errs
}

// onlyOnce drops the complaints that are told already, as Kubernetes does for
// built-in kinds.
func onlyOnce(errs field.ErrorList) field.ErrorList {
	if len(errs) < 2 {
		return errs
	}
	told := make(map[string]bool, len(errs))
	var out field.ErrorList
	for _, e := range errs {
		if text := e.Error(); !told[text] {
			told[text] = true
			out = append(out, e)
		}
	}
	return out
}

// checkNamespace makes the object's namespace the request's.
func (c *call) checkNamespace(obj metav1.Object) error {
	want := c.info.Namespace
	if !c.end.Namespaced {
		want = ""
	}
	switch obj.GetNamespace() {
	case want:
	case "":
		obj.SetNamespace(want)
	default:
		if want != "" {
			return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
		}
		obj.SetNamespace("")
	}
	return nil
}

// unsaved makes an item of an object that is not stored: the answer to a dry
// run.
func (c *call) unsaved(old *cache.Item, obj api.Object) *cache.Item {
	c.end.storage().Settle(obj)
	item := cache.NewItem("", obj, 0)
	if old != nil {
		obj.SetResourceVersion(strconv.FormatInt(int64(old.Revision), 10))
	}
	return item
}

// conflictOf returns the ConflictError in err, or nil.
func conflictOf(err error) *cache.ConflictError {
	var conflict *cache.ConflictError
	if errors.As(err, &conflict) {
		return conflict
	}
	return nil
}

var errModified = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// modified refuses a write that relies on a state that is gone.
func (c *call) modified() error {
	return apierrors.NewConflict(c.end.asked(), c.info.Name, errModified)
}
