package apiserver

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/api/inprocess"
	"minke/apiserver/request"
	"minke/tracing"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &call{Server: s, r: r, ctx: r.Context(), info: request.Parse(r), began: began}
	c.recorder.ResponseWriter, c.w = w, &c.recorder
	c.objects, _ = w.(inprocess.ObjectWriter)
	defer c.finish()
	if err := c.serve(); err != nil {
		c.refuse(err)
	}
}

// finish records the request and keeps a panic from taking down more than it.
func (c *call) finish() {
	cause := recover()
	if cause != nil && cause != http.ErrAbortHandler {
		c.log.Error("panic while serving", "method", c.r.Method, "path", c.r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
		c.audit.Panic(c.ctx, fmt.Sprint(cause))
		if c.w.status == 0 {
			c.refuse(apierrors.NewInternalError(fmt.Errorf("the request caused an error in the server: %s %s", c.info.Verb, c.info.Path)))
			cause = nil
		}
	}
	c.audit.Complete(c.ctx, c.w.status)
	if c.span != nil {
		c.traceEnd()
	}
	c.metrics.record(c, time.Since(c.began))
	if cause != nil {
		panic(http.ErrAbortHandler)
	}
}

func (c *call) serve() error {
	header := c.w.Header()
	if c.objects == nil {
		header["Audit-Id"] = c.values.auditID.of(c.auditID())
		header["Cache-Control"] = uncached
	}
	c.user = inprocess.UserFrom(c.ctx)
	long := c.longRunning()
	outside := c.user == nil
	if outside && !long && c.cfg.Flow == nil {
		release, ok := c.admitted()
		if !ok {
			return tooMany()
		}
		defer release()
	}
	var notes *request.Annotations
	if c.cfg.Audit != nil {
		notes = c.expectAudit()
	}
	err := c.authenticate()
	if c.cfg.Tracer != nil {
		c.traceArrival(outside)
	} else if outside && err == nil && tracing.FromContext(c.ctx) == nil {
		c.ctx = tracing.Passed(c.r.Header).Within(c.ctx)
	}
	if err != nil {
		if notes != nil {
			c.auditStranger(notes, err)
		}
		return err
	}
	if notes != nil {
		auditing := c.span.Child("audit")
		err := c.auditArrival(notes)
		auditing.End()
		if err != nil {
			return err
		}
	}
	limit, err := c.timeout()
	if err != nil && !long {
		return err
	}
	if outside && c.cfg.Flow != nil {
		waiting := c.span.Child("priorityandfairness")
		err := c.takeSeat()
		waiting.End()
		if err != nil {
			return err
		}
		defer c.ticket.Release()
	}
	c.arrived()
	if err := c.authorize(); err != nil {
		return err
	}
	if !long {
		c.limit.Begin(c.ctx, time.Now().Add(limit))
		c.ctx = &c.limit
		defer c.limit.Cancel()
	}
	return c.dispatch()
}

// uncached is a header value that all answers share.
var uncached = []string{"no-cache, private"}

// auditID returns the id that the client chose, or a new one. It is the same
// for the whole request.
func (c *call) auditID() string {
	if set := c.w.Header().Get("Audit-Id"); set != "" && c.objects == nil {
		return set
	}
	if id := c.r.Header.Get("Audit-Id"); id != "" && len(id) <= 64 {
		return id
	}
	return string(uuid.NewUUID())
}

func (c *call) authenticate() error {
	if c.user == nil {
		if c.cfg.Authenticate == nil {
			return apierrors.NewUnauthorized("Unauthorized")
		}
		if spaced(c.r.Header.Get("Authorization")) {
			c.warn("the provided Authorization header contains extra space before the bearer token, and is ignored")
		}
		user, err := c.cfg.Authenticate(c.r)
		c.metrics.authenticated(user, err, time.Since(c.began))
		if err != nil || user == nil {
			err = unauthorized(err)
			if !apierrors.IsUnauthorized(err) { // a refused impersonation
				c.unsniffed()
			}
			return err
		}
		c.user = user
	}
	c.known = request.Context{Context: c.ctx, Info: c.info, User: c.user}
	c.ctx = &c.known
	return nil
}

// spaced tells whether a header's token follows more than one space.
func spaced(header string) bool {
	const scheme = "bearer  "
	header = strings.TrimSpace(header)
	return len(header) > len(scheme) && strings.EqualFold(header[:len(scheme)], scheme)
}

func (c *call) authorize() error {
	if c.cfg.Authorize == nil {
		return nil
	}
	began := time.Now()
	span := c.span.Child("authorization")
	err := c.cfg.Authorize(span.Within(c.ctx), c.user, c.info)
	span.End()
	outcome := succeeded
	if err != nil {
		outcome = failed
		c.unsniffed()
	}
	c.metrics.authz[outcome].took(time.Since(began))
	return err
}

// unsniffed tells browsers to take a refusal, which repeats what the client
// sent, for nothing but what it says it is.
func (c *call) unsniffed() { c.w.Header().Set("X-Content-Type-Options", "nosniff") }

// unauthorized hides why from the client, unless the reason is a status, such
// as a refused impersonation.
func unauthorized(err error) error {
	if status, ok := err.(apierrors.APIStatus); ok { //nolint:errorlint // only the error itself is meant for the client
		return &apierrors.StatusError{ErrStatus: status.Status()}
	}
	return apierrors.NewUnauthorized("Unauthorized")
}

// timeout returns how long a short request may take: what the client's
// timeout parameter says, within the server's limit.
func (c *call) timeout() (time.Duration, error) {
	limit := c.cfg.Limits.Request
	if c.r.URL.RawQuery == "" {
		return limit, nil
	}
	asked := c.r.URL.Query().Get("timeout")
	if asked == "" {
		return limit, nil
	}
	d, err := time.ParseDuration(asked)
	if err != nil {
		return 0, apierrors.NewBadRequest("invalid timeout specified in the request URL - " + err.Error())
	}
	if d > 0 && d < limit {
		limit = d
	}
	return limit, nil
}

// streams are the subresources whose requests last as long as both sides like.
var streams = map[string]bool{"attach": true, "exec": true, "log": true, "portforward": true, "proxy": true}

func (c *call) longRunning() bool {
	return c.info.IsResource && (c.info.Verb == "watch" || streams[c.info.Subresource])
}
