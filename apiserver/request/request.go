// Package request is what the API server knows about a request before it acts:
// the resource and verb that its URL and method name, and who asks. The
// handlers of every layer find it in the request's context.
package request

import (
	"context"

	"minke/api/inprocess"
)

// Info is a request taken apart. For /healthz and the like IsResource is false
// and only Path and Verb (the lower-cased method) are set.
type Info struct {
	IsResource bool
	Path       string
	// WatchPath tells that the path begins with /watch/, the old way to ask for one.
	WatchPath bool
	// Verb is get, list, watch, create, update, patch, delete or
	// deletecollection.
	Verb                     string
	Group, Version, Resource string
	Subresource              string
	Namespace, Name          string
	// FieldSelector and LabelSelector are those of a list, watch or
	// deletecollection, as the client wrote them.
	FieldSelector, LabelSelector string
	// Parts is what follows the subresource in the path, as in
	// pods/web/proxy/some/path.
	Parts []string
}

// Context is a request's context, which knows its Info and on whose behalf the
// request acts: what WithInfo and WithUser would add, in one piece.
type Context struct {
	context.Context
	Info *Info
	User *inprocess.User
}

// Value implements context.Context.
func (c *Context) Value(key any) any {
	switch key {
	case infoKey{}:
		return c.Info
	case userKey{}:
		return c.User
	}
	return c.Context.Value(key)
}

type (
	infoKey struct{}
	userKey struct{}
)

// WithInfo returns ctx with the request's Info.
func WithInfo(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// InfoFrom returns the Info of the request, or nil outside of one.
func InfoFrom(ctx context.Context) *Info {
	info, _ := ctx.Value(infoKey{}).(*Info)
	return info
}

// WithUser returns ctx with the identity on whose behalf the request acts.
func WithUser(ctx context.Context, user *inprocess.User) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// UserFrom returns the identity on whose behalf the request acts, or nil.
func UserFrom(ctx context.Context) *inprocess.User {
	user, _ := ctx.Value(userKey{}).(*inprocess.User)
	return user
}
