package apiserver

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api"
	"minke/apiserver/admission"
	"minke/store/cache"
)

// create stores a new object:
//
//	decode, default ─ admission mutates, default again ─ prepare ─ name
//	    ─ validate ─ admission validates ─ store
func (c *call) create() error {
	o, err := c.writeOptions("CreateOptions")
	if err != nil {
		return err
	}
	obj, err := c.decodeObject(o.validation)
	if err != nil {
		return err
	}
	item, err := c.createObject(obj, o)
	if err != nil {
		return err
	}
	return c.writeItem(http.StatusCreated, item)
}

// besideTries is how often an object is created anew when another server has
// taken what admission chose for it.
const besideTries = 30

// createObject completes, checks and stores obj.
func (c *call) createObject(obj api.Object, o *writeOptions) (*cache.Item, error) {
	if !c.keeps(obj) {
		return c.createOnce(obj, o)
	}
	for try := 1; ; try++ {
		item, err := c.createOnce(obj.DeepCopyObject().(api.Object), o)
		if !overtakenBeside(err) || try == besideTries || c.ctx.Err() != nil {
			return item, c.besideError(err)
		}
	}
}

func (c *call) createOnce(obj api.Object, o *writeOptions) (*cache.Item, error) {
	if err := c.checkNamespace(obj); err != nil {
		return nil, err
	}
	obj.SetSelfLink("")
	obj.SetUID(uuid.NewUUID())
	obj.SetCreationTimestamp(metav1.Time{Time: time.Now().UTC().Truncate(time.Second)})
	if !o.applied {
		c.dropDoubleOwners(obj, false)
	}
	if err := c.trackNew(obj, o); err != nil {
		return nil, err
	}
	c.info.Name = obj.GetName()
	if err := c.open(); err != nil {
		return nil, err
	}
	attributes := c.attributes(admission.Create, obj, nil, o.dryRun)
	attributes.Options = o.create()
	c.work.Event("About to check admission control")
	if err := c.admit(attributes); err != nil {
		return nil, err
	}
	if obj = attributes.Object; len(c.cfg.Admission) > 0 {
		c.end.Default(obj)
	}
	c.dropDoubleOwners(obj, true)
	if err := c.checkNamespace(obj); err != nil {
		return nil, err
	}
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		return c.createGenerated(obj, attributes)
	}
	return c.createNamed(obj, attributes)
}

// nameTries is how often another generated name is tried when one is taken.
const nameTries = 8

// createGenerated stores obj under a name that nobody has.
func (c *call) createGenerated(obj api.Object, a *admission.Attributes) (*cache.Item, error) {
	for try := 1; ; try++ {
		named := obj.DeepCopyObject().(api.Object)
		named.SetName(generatedName(obj.GetGenerateName()))
		a.Object, a.Name, c.info.Name = named, named.GetName(), named.GetName()
		c.end.Default(named) // a namespace carries its name as a label
		item, err := c.createNamed(named, a)
		if err == nil || !apierrors.IsAlreadyExists(err) {
			return item, err
		}
		if try == nameTries {
			return nil, err
		}
	}
}

// Names end in five random characters; the base is cut so that the whole is
// still a DNS label.
const (
	randomSuffix = 5
	maxBase      = 63 - randomSuffix
)

func generatedName(base string) string {
	if len(base) > maxBase {
		base = base[:maxBase]
	}
	return base + rand.String(randomSuffix)
}

// createNamed prepares and stores obj. The name stands before obj is prepared: a
// job's labels are made of it.
func (c *call) createNamed(obj api.Object, a *admission.Attributes) (*cache.Item, error) {
	if before := c.end.WarningsBefore; before != nil {
		c.warnAll(before(obj))
	}
	c.end.PrepareForCreate(obj)
	if err := c.invalid(obj.GetName(), append(c.check(a), c.checkNew(obj)...)); err != nil {
		return nil, err
	}
	c.warnAll(c.end.Warnings(obj, nil))
	a.Name = obj.GetName()
	if err := c.cfg.Admission.Validate(c.ctx, a); err != nil {
		return nil, err
	}
	key := c.end.key(obj.GetNamespace(), obj.GetName())
	if a.DryRun {
		if _, taken, err := c.end.cache.Get(c.ctx, key); err != nil {
			return nil, err
		} else if taken {
			return nil, c.taken(obj)
		}
		return c.unsaved(nil, obj), nil
	}
	if err := dropRevision(obj); err != nil {
		return nil, err
	}
	beside, err := c.beside(obj, nil)
	if err != nil {
		return nil, err
	}
	ctx, span := c.traceStore("Create", key)
	item, err := c.stored(obj, func(obj api.Object) (*cache.Item, error) { return c.end.cache.Create(ctx, key, obj, beside...) })
	c.traceStored(span, err)
	if errors.Is(err, cache.ErrExists) {
		return nil, c.taken(obj)
	}
	return item, err
}

// open refuses to create where nothing may be created: what was made of a custom
// resource's definition that is being deleted would not be deleted with the others.
func (c *call) open() error {
	switch {
	case c.end.Serves("create"):
		return nil
	case c.end.use == nil:
		return noMethod()
	}
	return apierrors.NewForbidden(c.end.asked(), c.info.Name, errTerminating)
}

var errTerminating = errors.New("create not allowed while custom resource definition is terminating")

// dropRevision takes the resourceVersion from an object that is about to be
// stored for the first time, and refuses one that is a revision. Kubernetes' storage
// asks that last of all: a dry run, which tells what else is wrong, never gets there.
func dropRevision(obj api.Object) error {
	if n, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64); err == nil && n != 0 {
		return fail(http.StatusInternalServerError, metav1.StatusReasonUnknown, "resourceVersion should not be set on objects to be created")
	}
	obj.SetResourceVersion("")
	return nil
}

// taken says that there is an object of obj's name already, and whether it is about
// to go.
func (c *call) taken(obj api.Object) error {
	err := apierrors.NewAlreadyExists(c.end.asked(), obj.GetName())
	if obj.GetGenerateName() != "" {
		err = apierrors.NewGenerateNameConflict(c.end.asked(), obj.GetName(), 1)
	}
	there, ok, readErr := c.end.cache.Get(c.ctx, c.end.key(obj.GetNamespace(), obj.GetName()))
	if readErr != nil {
		return readErr
	}
	if ok {
		if m, isObject := there.Object().(api.Object); isObject && m.GetDeletionTimestamp() != nil {
			err.ErrStatus.Message = "object is being deleted: " + err.ErrStatus.Message
		}
	}
	return err
}

// check asks the plug-ins for what they find.
func (c *call) check(a *admission.Attributes) (errs field.ErrorList) {
	for _, k := range c.checkers {
		errs = append(errs, k.Check(c.ctx, a)...)
	}
	return errs
}

// maxLabels bounds the labels of an object. Kubernetes has no such bound, but each
// of them may be worth two long complaints.
const maxLabels = 10000

// checkNew validates an object that is about to be created.
func (c *call) checkNew(obj api.Object) field.ErrorList {
	metadata := field.NewPath("metadata")
	if n := len(obj.GetLabels()); n > maxLabels {
		return field.ErrorList{field.TooMany(metadata.Child("labels"), n, maxLabels)}
	}
	validName := c.end.ValidName
	if c.end.NameRule != nil {
		validName = c.end.NameRule(obj)
	}
	errs := validation.ValidateObjectMetaAccessor(obj, c.end.Namespaced, validName, metadata)
	errs = append(errs, c.kubeFinalizers(obj)...)
	errs = append(errs, c.end.validate(obj)...)
	if len(errs) > 0 {
		return errs
	}
	for _, problem := range content.IsPathSegmentName(obj.GetName()) {
		errs = append(errs, field.Invalid(metadata.Child("name"), obj.GetName(), problem))
	}
	return errs
}

// plainFinalizers are the finalizers of Kubernetes that have no domain.
var plainFinalizers = []string{string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents}

// kubeFinalizers wants finalizers of built-in kinds to be of a domain. Of the
// kinds of extensions, and of custom ones, Kubernetes does not ask that.
func (c *call) kubeFinalizers(obj api.Object) field.ErrorList {
	if c.end.use != nil || c.end.Kind.Group == "apiextensions.k8s.io" || c.end.Kind.Group == "apiregistration.k8s.io" {
		return nil
	}
	var errs field.ErrorList
	for i, name := range obj.GetFinalizers() {
		if !strings.Contains(name, "/") && !slices.Contains(plainFinalizers, name) {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "finalizers").Index(i), name, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}
