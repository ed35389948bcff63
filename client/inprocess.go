package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"minke/api/inprocess"
)

// InProcess returns the API served by handler in this process, called as user.
// Requests pass the handler with all its checks but are not serialized. With a
// source, watches and informers read the server's own cache; source may be nil.
func InProcess(handler http.Handler, source Source, user *inprocess.User) Interface {
	return (&inProcess{handler: handler, source: source, user: user}).whole()
}

// whole returns the client with what it offers beside requests.
func (c *inProcess) whole() Interface {
	if c.source == nil {
		return c
	}
	return struct {
		*inProcess
		Source
	}{c, c.source}
}

// counted implements what Counted asks for.
func (c *inProcess) counted(m *Metrics) Interface {
	other := *c
	other.counts = newCounts(m, inProcessHost)
	return other.whole()
}

type inProcess struct {
	handler http.Handler
	source  Source
	user    *inprocess.User
	counts  *counts
}

func (c *inProcess) Do(ctx context.Context, r Request) (runtime.Object, error) {
	req, err := c.request(ctx, &r)
	if err != nil {
		return nil, err
	}
	var response inprocess.Response
	began := time.Now()
	err = serve(c.handler, &response, req)
	c.counts.took(req.Method, began)
	c.counts.answered(req.Method, statusOf(&response, err))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Verb, req.URL.Path, err)
	}
	return answerOf(&r, &response)
}

// statusOf is the status that an HTTP client would have got.
func statusOf(response *inprocess.Response, err error) int {
	switch {
	case err != nil:
		return failed
	case response.Status == 0:
		return http.StatusOK
	}
	return response.Status
}

// request builds the HTTP request without parsing what is already parsed.
func (c *inProcess) request(ctx context.Context, r *Request) (*http.Request, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	method, ok := methods[r.Verb]
	if !ok {
		return nil, fmt.Errorf("%s %s: there is no such verb", r.Verb, path)
	}
	u := &url.URL{Path: path, RawQuery: r.query().Encode()}
	req := &http.Request{
		Method: method, URL: u, RequestURI: u.RequestURI(), Host: "in-process", RemoteAddr: "127.0.0.1:0",
		Proto: "HTTP/2.0", ProtoMajor: 2, Body: http.NoBody,
		Header: http.Header{"Accept": {"application/json"}, "User-Agent": {"minke"}},
	}
	switch {
	case r.Body != nil:
		nameKind(r.Body)
		req.Body = &inprocess.Body{Object: r.Body}
	case r.Verb == "patch":
		req.Header.Set("Content-Type", string(r.PatchType))
		req.Body = io.NopCloser(bytes.NewReader(r.Patch))
		req.ContentLength = int64(len(r.Patch))
	default:
		if o := r.deleteOptions(); o != nil {
			req.Body = &inprocess.Body{Object: o}
		}
	}
	return req.WithContext(inprocess.WithUser(ctx, c.user)), nil
}

// serve calls the handler and turns an aborting panic into an error, as an HTTP
// server would.
func serve(handler http.Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			err = http.ErrAbortHandler
		default:
			panic(p)
		}
	}()
	handler.ServeHTTP(w, r)
	return nil
}

func answerOf(r *Request, response *inprocess.Response) (runtime.Object, error) {
	if response.Object == nil {
		return decodeBytes(r, response.Status, response.Header().Get("Content-Type"), response.Bytes.Bytes())
	}
	if response.Status >= http.StatusBadRequest {
		if status, ok := response.Object.(*metav1.Status); ok {
			return nil, &apierrors.StatusError{ErrStatus: *status}
		}
		return nil, apierrors.FromObject(response.Object)
	}
	return response.Object, nil
}

// decodeBytes decodes an answer that came as bytes. What has no kind (logs,
// metrics) comes back as runtime.Unknown.
func decodeBytes(r *Request, status int, contentType string, body []byte) (runtime.Object, error) {
	obj, err := decode(body, contentType)
	if status >= http.StatusBadRequest {
		var s *metav1.Status
		if err == nil {
			s, _ = obj.(*metav1.Status)
		}
		if s == nil || s.Code == 0 {
			return nil, apierrors.NewGenericServerResponse(status, r.Verb, r.Resource.GroupResource(), r.Name, string(body), 0, true)
		}
		return nil, &apierrors.StatusError{ErrStatus: *s}
	}
	if err != nil {
		if strings.HasPrefix(contentType, protobufType) || isJSONKind(body) {
			return nil, fmt.Errorf("%s %s %s: decode the answer: %w", r.Verb, r.Resource.Resource, Key{r.Namespace, r.Name}, err)
		}
		return &runtime.Unknown{Raw: body, ContentType: contentType}, nil
	}
	return obj, nil
}

func isJSONKind(body []byte) bool {
	var kind metav1.TypeMeta
	return json.Unmarshal(body, &kind) == nil && kind.Kind != ""
}

func (c *inProcess) Watch(ctx context.Context, r Request) (watch.Interface, error) {
	if c.source == nil {
		return c.watchStream(ctx, r)
	}
	selected, err := parseSelection(r.List.LabelSelector, r.List.FieldSelector)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	w, err := c.source.WatchShared(ctx, r.Resource, r.Namespace, r.List.ResourceVersion)
	c.counts.answered(http.MethodGet, watchCode(err))
	if err != nil || selected.everything() {
		return w, err
	}
	return filterWatch(ctx, w, selected), nil
}

// watchCode is the code that a watch which begins, or does not, has over HTTP.
func watchCode(err error) int {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &status):
		return int(status.Status().Code)
	}
	return failed
}

// watchStream watches through the handler, as a remote client would.
func (c *inProcess) watchStream(ctx context.Context, r Request) (watch.Interface, error) {
	r.Verb = "watch"
	ctx, cancel := context.WithCancel(ctx)
	req, err := c.request(ctx, &r)
	if err != nil {
		cancel()
		return nil, err
	}
	w := newPipeResponse()
	go func() {
		err := serve(c.handler, w, req)
		if err == nil {
			err = io.EOF
		}
		w.finish(err)
	}()
	select {
	case <-w.started:
	case <-ctx.Done():
		cancel()
		return nil, ctx.Err()
	}
	c.counts.answered(req.Method, w.status)
	contentType := w.Header().Get("Content-Type")
	if w.status >= http.StatusBadRequest {
		body, err := io.ReadAll(io.LimitReader(w.reader, 1<<20))
		cancel()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		_, err = decodeBytes(&r, w.status, contentType, body)
		return nil, err
	}
	return decodeWatch(ctx, cancel, w.reader, contentType), nil
}
