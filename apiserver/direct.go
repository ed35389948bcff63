package apiserver

import (
	"context"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/request"
	"minke/store/cache"
	"minke/tracing"
)

// Get returns a stored object, which is shared and must not be changed, or a
// NotFound StatusError. It is for the server's own helpers: nobody is asked
// whether it may happen.
func (s *Server) Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error) {
	c, err := s.direct(ctx, "get", resource, namespace, name)
	if err != nil {
		return nil, err
	}
	item, err := c.current()
	if err != nil {
		return nil, err
	}
	return item.Object(), nil
}

// Create stores an object as the POST verb does, on behalf of the user in ctx. It
// takes obj over; the result is shared.
func (s *Server) Create(ctx context.Context, resource schema.GroupVersionResource, obj api.Object) (api.Object, error) {
	c, err := s.direct(ctx, "create", resource, obj.GetNamespace(), "")
	if err != nil {
		return nil, err
	}
	c.end.Default(obj)
	item, err := c.createObject(obj, &writeOptions{manager: "kube-apiserver"})
	if err != nil {
		return nil, err
	}
	return item.Object().(api.Object), nil
}

// Update changes a stored object without admission, validation or the rules of
// an update: it is for actions such as pods/binding, which have rules of their
// own. alter gets a copy, anew after each conflict, and its error is returned
// as it is. The result is shared.
func (s *Server) Update(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, alter func(api.Object) error) (api.Object, error) {
	c, err := s.direct(ctx, "update", resource, namespace, name)
	if err != nil {
		return nil, err
	}
	item, err := c.attempts(false, c.none, func(old *cache.Item) (*cache.Item, bool, error) {
		obj := old.Object().DeepCopyObject().(api.Object)
		if err := alter(obj); err != nil {
			return nil, false, err
		}
		item, err := c.replace(&change{options: &writeOptions{}}, obj, old)
		return item, false, err
	})
	if err != nil {
		return nil, err
	}
	return item.Object().(api.Object), nil
}

// Delete deletes an object as the DELETE verb does, on behalf of the user in
// ctx: admission, preconditions, grace and finalizers are honoured.
func (s *Server) Delete(ctx context.Context, resource schema.GroupVersionResource, namespace, name string, options metav1.DeleteOptions) error {
	c, err := s.direct(ctx, "delete", resource, namespace, name)
	if err != nil {
		return err
	}
	_, _, err = c.remove(&options)
	return err
}

// direct makes a call that came by no request.
func (s *Server) direct(ctx context.Context, verb string, resource schema.GroupVersionResource, namespace, name string) (*call, error) {
	e, err := s.source(resource)
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("%s %s/%s: %w", verb, namespace, name, err))
	}
	info := &request.Info{IsResource: true, Verb: verb, Group: resource.Group, Version: resource.Version,
		Resource: resource.Resource, Namespace: namespace, Name: name}
	r := (&http.Request{Header: http.Header{}}).WithContext(ctx)
	return &call{Server: s, w: &recorder{ResponseWriter: noResponse{}}, r: r, ctx: ctx,
		info: info, user: request.UserFrom(ctx), end: e, work: tracing.FromContext(ctx)}, nil
}

// noResponse is the response of a call that came by no request.
type noResponse struct{}

func (noResponse) Header() http.Header         { return http.Header{} }
func (noResponse) Write(p []byte) (int, error) { return len(p), nil }
func (noResponse) WriteHeader(int)             {}
