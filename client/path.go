package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// methods of HTTP by verb.
var methods = map[string]string{
	"get": http.MethodGet, "list": http.MethodGet, "watch": http.MethodGet,
	"create": http.MethodPost, "update": http.MethodPut, "patch": http.MethodPatch,
	"delete": http.MethodDelete, "deletecollection": http.MethodDelete,
}

// path returns the URL path of the request. Parts that come from objects are
// refused when they could lead elsewhere.
func (r *Request) path() (string, error) {
	var b strings.Builder
	if r.Resource.Group == "" {
		b.WriteString("/api/")
	} else {
		b.WriteString("/apis/")
		b.WriteString(r.Resource.Group)
		b.WriteByte('/')
	}
	b.WriteString(r.Resource.Version)
	for _, part := range []struct{ before, value string }{
		{"/namespaces/", r.Namespace}, {"/", r.Resource.Resource}, {"/", r.Name}, {"/", r.Subresource},
	} {
		if part.value == "" {
			continue
		}
		if part.value == "." || part.value == ".." || strings.ContainsAny(part.value, "/%") {
			return "", fmt.Errorf("%s %s: %q cannot stand in a path", r.Verb, r.Resource.Resource, part.value)
		}
		b.WriteString(part.before)
		b.WriteString(part.value)
	}
	return b.String(), nil
}

// query returns the URL query of the request.
func (r *Request) query() url.Values {
	q := url.Values{}
	switch r.Verb {
	case "list", "watch", "deletecollection":
		listQuery(q, &r.List)
		if r.Verb == "watch" {
			q.Set("watch", "true")
		}
	case "create", "update", "patch":
		if r.FieldManager != "" {
			q.Set("fieldManager", r.FieldManager)
		}
		if r.Force {
			q.Set("force", "true")
		}
	}
	if r.DryRun {
		q.Set("dryRun", "All")
	}
	return q
}

func listQuery(q url.Values, o *metav1.ListOptions) {
	set := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	set("labelSelector", o.LabelSelector)
	set("fieldSelector", o.FieldSelector)
	set("resourceVersion", o.ResourceVersion)
	set("resourceVersionMatch", string(o.ResourceVersionMatch))
	set("continue", o.Continue)
	if o.Limit != 0 {
		q.Set("limit", strconv.FormatInt(o.Limit, 10))
	}
	if o.TimeoutSeconds != nil {
		q.Set("timeoutSeconds", strconv.FormatInt(*o.TimeoutSeconds, 10))
	}
	if o.AllowWatchBookmarks {
		q.Set("allowWatchBookmarks", "true")
	}
	if o.SendInitialEvents != nil {
		q.Set("sendInitialEvents", strconv.FormatBool(*o.SendInitialEvents))
	}
}

// deleteOptions returns the options to send as a body, or nil for none.
func (r *Request) deleteOptions() *metav1.DeleteOptions {
	o := r.Delete
	if o.GracePeriodSeconds == nil && o.Preconditions == nil && o.PropagationPolicy == nil && o.OrphanDependents == nil && len(o.DryRun) == 0 {
		return nil
	}
	o.TypeMeta = metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "DeleteOptions"}
	return &o
}
