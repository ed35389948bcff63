package apiserver

import (
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	listvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/apiserver/request"
)

// listOptions reads the parameters of list, watch and deletecollection.
func (c *call) listOptions() (*internalversion.ListOptions, *selection, error) {
	q := c.query
	o := &internalversion.ListOptions{
		Watch:                c.info.Verb == "watch",
		AllowWatchBookmarks:  request.Flag(q, "allowWatchBookmarks"),
		ResourceVersion:      q.Get("resourceVersion"),
		ResourceVersionMatch: metav1.ResourceVersionMatch(q.Get("resourceVersionMatch")),
		Continue:             q.Get("continue"),
	}
	if q.Has("sendInitialEvents") {
		on := request.Flag(q, "sendInitialEvents")
		o.SendInitialEvents = &on
	}
	var err error
	if o.Limit, err = c.number("limit"); err != nil {
		return nil, nil, err
	}
	o.Limit = max(o.Limit, 0)
	if o.TimeoutSeconds, err = c.optionalNumber("timeoutSeconds"); err != nil {
		return nil, nil, err
	}
	internalversion.SetListOptionsDefaults(o, true)
	if errs := listvalidation.ValidateListOptions(o, true); len(errs) > 0 {
		return nil, nil, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	sel, err := c.selection(q.Get("labelSelector"), q.Get("fieldSelector"))
	return o, sel, err
}

// number reads an integer parameter; zero when it is missing.
func (c *call) number(name string) (int64, error) {
	n, err := c.optionalNumber(name)
	if n == nil {
		return 0, err
	}
	return *n, nil
}

// optionalNumber reads an integer parameter; nil when it is missing.
func (c *call) optionalNumber(name string) (*int64, error) {
	if !c.query.Has(name) {
		return nil, nil
	}
	n, err := strconv.ParseInt(c.query.Get(name), 10, 64)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return &n, nil
}

// invalidOptions turns complaints about options of the given kind to an error.
func invalidOptions(kind string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: kind}, "", errs)
}

// badSelector words a selector that does not parse.
func badSelector(err error) error {
	return apierrors.NewBadRequest(err.Error())
}
