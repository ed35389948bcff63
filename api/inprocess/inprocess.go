// Package inprocess is the typed side channel between a client and the API
// server when both live in one process. A request still passes the server's
// http.Handler with all its checks, but carries its object as it is and gets
// its answer as it is: nothing is serialized.
//
// A client sets the request's Body to a *Body, names itself with WithUser, and
// passes a *Response as the http.ResponseWriter. The server looks for them with
// ObjectOf, UserFrom and the ObjectWriter interface. None of them can come in
// over the network.
package inprocess

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
)

// User is an authenticated identity.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

type userKey struct{}

// WithUser marks a request's context as coming from user, already
// authenticated. Only code in this process can do so.
func WithUser(ctx context.Context, user *User) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

// UserFrom returns the identity set by WithUser, or nil.
func UserFrom(ctx context.Context) *User {
	user, _ := ctx.Value(userKey{}).(*User)
	return user
}

// Body is a request body that carries an object. The server may keep and
// change the object: the caller gives it away. Read as bytes, it is empty.
type Body struct{ Object runtime.Object }

func (*Body) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing.
func (*Body) Close() error { return nil }

// ObjectOf returns the object that the request's body carries, or nil.
func ObjectOf(r *http.Request) runtime.Object {
	if b, ok := r.Body.(*Body); ok {
		return b.Object
	}
	return nil
}

// ObjectWriter is an http.ResponseWriter that takes an object as it is. What
// it is given is shared and must not be changed by the receiver.
type ObjectWriter interface {
	http.ResponseWriter
	WriteObject(status int, object runtime.Object)
}

// Response receives the answer to a request made in process: an object, or
// bytes where the server has no object to give (logs, health, metrics).
type Response struct {
	Status int
	Object runtime.Object
	Bytes  bytes.Buffer
	header http.Header
}

var _ ObjectWriter = (*Response)(nil)

// Header implements http.ResponseWriter.
func (r *Response) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

// WriteHeader implements http.ResponseWriter.
func (r *Response) WriteHeader(status int) {
	if r.Status == 0 {
		r.Status = status
	}
}

// Write implements http.ResponseWriter.
func (r *Response) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.Bytes.Write(p)
}

// WriteObject implements ObjectWriter.
func (r *Response) WriteObject(status int, object runtime.Object) {
	r.WriteHeader(status)
	r.Object = object
}
