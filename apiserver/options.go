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
	seconds, err := c.number("timeoutSeconds")
	if err != nil {
		return nil, nil, err
	}
	if q.Get("timeoutSeconds") != "" {
		o.TimeoutSeconds = &seconds
	}
	if errs := listvalidation.ValidateListOptions(o, true); len(errs) > 0 {
		return nil, nil, apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: "ListOptions"}, "", errs)
	}
	sel, err := c.selection(q.Get("labelSelector"), q.Get("fieldSelector"))
	return o, sel, err
}

// number reads an integer parameter; zero when it is missing.
func (c *call) number(name string) (int64, error) {
	return number(c.query.Get(name))
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, apierrors.NewBadRequest(err.Error())
	}
	return n, nil
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
