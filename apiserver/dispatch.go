package apiserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/codec"
	"minke/apiserver/request"
	"minke/apiserver/websocket"
)

// dispatch leads an authorized request to what answers it.
func (c *call) dispatch() error {
	if h := c.elsewhere(); h != nil {
		if c.info.Verb == "watch" {
			c.ticket.Release() // the other server bounds its watches
		}
		c.ticket.Away() // it is the other server that works
		return c.handOver(h)
	}
	if !c.info.IsResource {
		return c.dispatchPath()
	}
	if c.end = c.find(); c.end == nil {
		return c.noResource()
	}
	if !c.longRunning() {
		defer c.end.use.leave()
	}
	if c.end.Broken != nil {
		return c.noPage()
	}
	if err := c.checkPlace(); err != nil {
		return err
	}
	if c.longRunning() {
		running := c.metrics.running(c)
		running.Add(1)
		defer running.Add(-1)
	}
	if err := c.checkWatchPath(); err != nil {
		return err
	}
	c.warnDeprecated()
	if c.end.use != nil && c.info.Subresource != "" && !c.end.has(c.info.Subresource) {
		return c.notFound() // whatever is asked of it
	}
	if c.span.Recording() {
		defer c.traceHandler()()
	}
	if action := c.actions[actionKey(c.end.group, c.info.Subresource)]; action != nil && c.acts() {
		if err := c.checkAction(); err != nil {
			return err
		}
		if c.info.Verb == "create" && !c.longRunning() {
			if err := c.acceptable(); err != nil {
				return err
			}
		}
		action.ServeHTTP(c.writer(), c.r.WithContext(c.ctx))
		return nil
	}
	if c.r.URL.RawQuery != "" {
		c.query = c.r.URL.Query()
	}
	if err := c.negotiate(); err != nil {
		return err
	}
	if c.info.Subresource != "" {
		return c.dispatchSubresource()
	}
	return c.dispatchVerb()
}

// noResource answers a path of a resource that nobody serves: a Status where the
// server's own resources have the group, as Kubernetes does.
func (c *call) noResource() error {
	for at, e := range c.routes.Load().endpoints {
		if e.use == nil && at.Group == c.info.Group {
			return noRoute()
		}
	}
	return c.noPage()
}

// noPlace refuses a path that is not in the scope of its resource. Of a custom one it
// has answered already; nothing is added to that.
func (c *call) noPlace() error {
	if c.end.use != nil {
		if err := c.noPage(); err != nil {
			return err
		}
	}
	return noRoute()
}

// noPage answers a path that leads nowhere, as net/http does.
func (c *call) noPage() error {
	http.NotFound(c.w, c.r)
	return nil
}

// headless tells that the request is for the header of an answer, which Kubernetes
// does not give but of custom resources.
func (c *call) headless() bool { return c.r.Method == http.MethodHead && c.end.use == nil }

// checkAction refuses methods that an action does not have. One on an object of
// another kind, like a binding, has those of its subresource; what is not stored
// is only created.
func (c *call) checkAction() error {
	verbs := c.end.Verbs
	if sub := c.info.Subresource; sub != "" {
		if verbs = actionVerbs[sub]; verbs == nil {
			return nil // a proxy hands every method on
		}
	} else if c.info.Name != "" && c.info.Verb != "list" && c.info.Verb != "watch" { // whose name may be a selector's
		return noRoute()
	}
	if !slices.Contains(verbs, c.info.Verb) {
		return noMethod()
	}
	return nil
}

var actionVerbs = map[string][]string{
	"log": {"get"}, "binding": {"create"}, "eviction": {"create"}, "token": {"create"},
	"exec": {"create", "get"}, "attach": {"create", "get"}, "portforward": {"create", "get"},
}

// warnDeprecated warns of the endpoint's version, if it is going to go.
func (c *call) warnDeprecated() {
	text := c.end.Deprecated
	if v := c.end.version; v != nil {
		text = v.Deprecated
	}
	if text == "" {
		return
	}
	c.warn(text)
	c.end.counts.deprecated.Store(true)
	request.AnnotationsFrom(c.ctx).Annotate("k8s.io/deprecated", "true")
}

// elsewhere returns what answers requests for the group version when another
// server serves it. Documents about the group alone are this server's.
func (c *call) elsewhere() http.Handler {
	if c.cfg.Elsewhere == nil {
		return nil
	}
	if c.info.IsResource {
		return c.cfg.Elsewhere(c.ctx, schema.GroupVersion{Group: c.info.Group, Version: c.info.Version})
	}
	if !strings.HasPrefix(c.info.Path, "/api") {
		return nil
	}
	parts := strings.Split(strings.Trim(c.info.Path, "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "api":
		return c.cfg.Elsewhere(c.ctx, schema.GroupVersion{Version: parts[1]})
	case len(parts) == 3 && parts[0] == "apis":
		return c.cfg.Elsewhere(c.ctx, schema.GroupVersion{Group: parts[1], Version: parts[2]})
	}
	return nil
}

// acts tells whether an action answers the request, rather than a stored
// object: for a subresource always, for a resource when it is not stored.
func (c *call) acts() bool {
	return c.info.Subresource != "" || c.end.cache == nil
}

// checkWatchPath refuses paths below /watch that lead to nothing that can be watched,
// and of the server's own resources every method but GET.
func (c *call) checkWatchPath() error {
	switch {
	case !c.info.WatchPath || c.end.use != nil:
		return nil
	case c.info.Subresource != "" || !c.end.Serves("watch"):
		return noRoute()
	case c.r.Method != http.MethodGet:
		return noMethod()
	}
	return nil
}

// checkPlace refuses paths that no resource has, and names that could not be
// keys.
func (c *call) checkPlace() error {
	e, i := c.end, c.info
	own := e.Plural == "namespaces" && e.kind.Group == ""
	if !e.Namespaced && i.Namespace != "" && !(own && i.Name == i.Namespace) {
		return c.noPlace()
	}
	if e.Namespaced && i.Namespace == "" {
		switch i.Verb {
		case "list", "watch":
		case "create", "deletecollection":
			if e.cache != nil && e.use == nil { // custom resources have no such path
				return noMethod()
			}
			return c.noPlace()
		default:
			return c.noPlace()
		}
	}
	name := i.Name
	if i.Verb == "list" || i.Verb == "watch" || i.Verb == "deletecollection" {
		name = "" // it comes from a selector
	}
	for _, segment := range []string{name, i.Namespace} {
		if problems := content.IsPathSegmentName(segment); segment != "" && len(problems) > 0 {
			return apierrors.NewBadRequest("Name parameter invalid: \"" + segment + "\": " + strings.Join(problems, ";"))
		}
	}
	return nil
}

func (c *call) dispatchVerb() error {
	if c.info.Verb == "watch" && !c.end.Serves("watch") && c.end.Serves("list") {
		return apierrors.NewMethodNotSupported(c.end.group, "watch")
	}
	closed := c.info.Verb == "create" && c.end.use != nil // create tells why
	if !c.end.Serves(c.info.Verb) && !closed || c.end.cache == nil {
		return noMethod()
	}
	if compute := c.cfg.Computed[c.end.group.String()]; compute != nil {
		return c.computed(compute)
	}
	if c.headless() {
		return noMethod()
	}
	switch c.info.Verb {
	case "get":
		return c.get()
	case "list":
		return c.list()
	case "watch":
		if websocket.Asked(c.r) {
			return c.watchOverWebSocket()
		}
		return c.watch()
	case "create":
		if c.info.Name != "" {
			return noMethod()
		}
		return c.create()
	case "update":
		return c.needName(c.update)
	case "patch":
		return c.needName(c.patch)
	case "delete":
		return c.delete()
	case "deletecollection":
		return c.deleteCollection()
	}
	return noMethod()
}

// watchOverWebSocket sends each event in a message, as JSON.
func (c *call) watchOverWebSocket() error {
	w, r := websocket.Lines(c.w.ResponseWriter, c.r)
	defer w.Close()
	c.accepted.Format = codec.JSON
	c.w.ResponseWriter, c.r = w, r
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	c.ctx = ctx
	return c.watch()
}

// needName guards verbs that the collection itself does not have.
func (c *call) needName(serve func() error) error {
	switch {
	case c.info.Name != "":
		return serve()
	case c.end.use != nil: // as Kubernetes says it of custom resources
		return apierrors.NewBadRequest("name must be provided")
	}
	return noMethod()
}

// has tells whether the endpoint's objects have the subresource.
func (e *endpoint) has(subresource string) bool {
	_, ok := e.Subresources[subresource]
	return ok || subresource == "scale" && e.Scale != nil
}

func (c *call) dispatchSubresource() error {
	if c.end.cache == nil || len(c.info.Parts) > 0 {
		return noRoute()
	}
	if c.info.Subresource == "scale" && c.end.Scale != nil {
		return c.serveScale()
	}
	if _, ok := c.end.Subresources[c.info.Subresource]; !ok {
		return noRoute()
	}
	if c.headless() || c.info.Subresource == "finalize" && c.info.Verb != "update" {
		return noMethod()
	}
	switch c.info.Verb {
	case "get":
		return c.get()
	case "update":
		return c.update()
	case "patch":
		return c.patch()
	}
	return c.noVerb()
}

// noVerb refuses what a subresource cannot do, with the words that Kubernetes has for
// custom resources and for others.
func (c *call) noVerb() error {
	if c.end.use != nil {
		return apierrors.NewMethodNotSupported(c.end.asked(), c.info.Verb)
	}
	return noMethod()
}
