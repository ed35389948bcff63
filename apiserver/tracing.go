package apiserver

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"minke/apiserver/authz"
	"minke/tracing"
)

// The spans of a request and their events are named as Kubernetes names them:
//
//	GET /api/v1/namespaces/{:namespace}/pods/{:name}
//	    ├─ authentication, audit, priorityandfairness, authorization
//	    └─ Get, List, WatchList, Create, Update, Patch, Delete
//	           ├─ Call mutating webhook, Call validating webhook ─ HTTP POST
//	           ├─ cacher.Get, cacher.GetList, cacher.Watch
//	           ├─ Create STORE, GuaranteedUpdate STORE, Delete STORE
//	           └─ SerializeObject
//
// In Kubernetes each of those on the second line lasts until the request ends and
// has the next one below it; here each lasts for as long as it takes.

// monitoringGroup may decide by a traceparent whether its requests are sampled, as
// administrators may.
const monitoringGroup = "system:monitoring"

// traceArrival begins the request's span, once it is known who asks, or that
// nobody knows.
func (c *call) traceArrival(outside bool) {
	a := tracing.Arrival{Name: c.spanName(), Began: c.began}
	if outside {
		a.Header, a.Trusted = c.r.Header, c.privileged()
	} else {
		a.Above = tracing.FromContext(c.ctx)
	}
	c.span = c.cfg.Tracer.Serve(a)
	c.work = c.span
	c.ctx = c.span.Within(c.ctx)
	if !c.span.Recording() {
		return
	}
	c.traceRequest()
	if outside {
		authentication := c.span.ChildAt(c.began, tracing.Internal, "authentication")
		authentication.End()
	}
}

// privileged tells whose traceparent is followed: any client could else have all of
// its requests traced. Who acts as somebody else is judged as that one.
func (c *call) privileged() bool {
	return c.user != nil && (slices.Contains(c.user.Groups, authz.Masters) || slices.Contains(c.user.Groups, monitoringGroup))
}

// spanName names places, not objects, so that spans of a kind can be compared.
func (c *call) spanName() string {
	i := c.info
	if !i.IsResource {
		return c.r.Method
	}
	var b strings.Builder
	b.WriteString(c.r.Method)
	if i.Group == "" {
		b.WriteString(" /api")
	} else {
		b.WriteString(" /apis/" + i.Group)
	}
	b.WriteString("/" + i.Version)
	if i.Namespace != "" {
		b.WriteString("/namespaces/{:namespace}")
	}
	b.WriteString("/" + i.Resource)
	if i.Name != "" {
		b.WriteString("/{:name}")
	}
	if i.Subresource != "" {
		b.WriteString("/" + i.Subresource)
	}
	return b.String()
}

// traceRequest tells of the HTTP request by OpenTelemetry's conventions.
func (c *call) traceRequest() {
	r := c.r
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	server, serverPort := splitHost(r.Host)
	peer, peerPort := splitHost(r.RemoteAddr)
	c.span.Set(
		tracing.String("server.address", server), tracing.String("http.request.method", r.Method), tracing.String("url.scheme", scheme),
		tracing.String("network.peer.address", peer), tracing.String("user_agent.original", r.UserAgent()),
		tracing.String("client.address", c.clientIP()), tracing.String("url.path", r.URL.Path),
		tracing.String("network.protocol.version", strings.TrimPrefix(r.Proto, "HTTP/")), tracing.String("http.target", r.URL.RequestURI()))
	if serverPort > 0 {
		c.span.Set(tracing.Int("server.port", serverPort))
	}
	if peerPort > 0 {
		c.span.Set(tracing.Int("network.peer.port", peerPort))
	}
	if c.objects == nil {
		c.span.Set(tracing.String("audit-id", c.auditID()))
	}
}

func splitHost(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	if port, err = strconv.Atoi(text); err != nil {
		return host, 0
	}
	return host, port
}

func (c *call) clientIP() string {
	if ip := utilnet.GetClientIP(c.r); ip != nil {
		return ip.String()
	}
	return ""
}

// traceEnd ends the request's span.
func (c *call) traceEnd() {
	if c.span.Recording() {
		status := c.w.status
		if status == 0 {
			status = http.StatusOK
		}
		c.span.Answered(status)
		if c.w.bytes > 0 {
			c.span.Set(tracing.Int("http.response.body.size", c.w.bytes))
		}
		if c.r.ContentLength > 0 {
			c.span.Set(tracing.Int("http.request.body.size", int(c.r.ContentLength)))
		}
	}
	c.span.End()
}

// handlerSpans are the names of the spans of verbs. A watch has one of its own.
var handlerSpans = map[string]string{
	"get": "Get", "list": "List", "create": "Create", "update": "Update", "patch": "Patch", "delete": "Delete", "deletecollection": "Delete",
}

// traceHandler begins the span of the verb, and returns what ends it.
func (c *call) traceHandler() (end func()) {
	name := handlerSpans[c.info.Verb]
	if name == "" || streams[c.info.Subresource] {
		return func() {}
	}
	return c.below(name)
}

// below makes c.work a span below it until end is called.
func (c *call) below(name string) (end func()) {
	above, ctx := c.work, c.ctx
	span := above.Child(name, c.traceFields()...)
	c.work, c.ctx = span, span.Within(c.ctx)
	return func() {
		span.End()
		c.work, c.ctx = above, ctx
	}
}

func (c *call) traceFields() []tracing.Attribute {
	i, r := c.info, c.r
	return []tracing.Attribute{
		tracing.String("accept", r.Header.Get("Accept")), tracing.String("audit-id", c.w.Header().Get("Audit-Id")),
		tracing.String("client", c.clientIP()), tracing.String("api-group", i.Group), tracing.String("api-version", i.Version),
		tracing.String("name", i.Name), tracing.String("subresource", i.Subresource), tracing.String("namespace", i.Namespace),
		tracing.String("protocol", r.Proto), tracing.String("resource", i.Resource), tracing.String("scope", scopes[c.scopeIndex()]),
		tracing.String("url", r.URL.Path), tracing.String("user-agent", r.UserAgent()), tracing.String("verb", verbNames[c.verbIndex()]),
	}
}

// traceStore begins the span of a write to the store.
func (c *call) traceStore(what, key string) (context.Context, *tracing.Span) {
	if !c.work.Recording() {
		return c.ctx, nil
	}
	c.work.Event("About to store object in database")
	store := c.cfg.StoreName
	if store == "" {
		store = "store"
	}
	span := c.work.Child(what+" "+store, tracing.String("audit-id", c.w.Header().Get("Audit-Id")), tracing.String("key", key),
		tracing.String("type", c.end.kind.Kind), tracing.String("group", c.end.group.Group), tracing.String("resource", c.end.group.Resource))
	return span.Within(c.ctx), span
}

// traceStored ends a span that traceStore began.
func (c *call) traceStored(span *tracing.Span, err error) {
	if span == nil {
		return
	}
	span.Fail(err)
	span.End()
	if err != nil {
		c.work.Event("Write to database call failed", tracing.String("err", err.Error()))
		return
	}
	c.work.Event("Write to database call succeeded")
}

// traceAnswer begins the span of sending an answer, and returns what ends it.
func (c *call) traceAnswer(contentType string, size int) (end func()) {
	c.work.Event("About to write a response")
	span := c.work.Child("SerializeObject", tracing.String("audit-id", c.w.Header().Get("Audit-Id")), tracing.String("method", c.r.Method),
		tracing.String("url", c.r.URL.Path), tracing.String("protocol", c.r.Proto), tracing.String("mediaType", contentType))
	span.Event("About to start writing response", tracing.Int("size", size))
	before := c.w.bytes
	return func() {
		span.Event("Write call succeeded", tracing.Int("size", c.w.bytes-before))
		span.End()
		c.work.Event("Writing http response done")
	}
}
