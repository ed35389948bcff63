package apiserver

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// series are the metrics of one kind of request, such as GET of one pod. Labels
// take only values that the server itself knows: a client cannot add series
// (the case of CVE-2020-8552).
type series struct {
	labels seriesKey
	total  atomic.Uint64 // answered with the code in labels
	times  *timings
}

// timings are shared by the series that differ in the code only.
type timings struct {
	labels        seriesKey
	duration, sli histogram
	sizes         histogram // nil bounds unless objects are read
	// running counts long requests that are under way.
	running atomic.Int64
}

// seriesKey is the labels in the form in which they are compared.
type seriesKey struct {
	verb, sub, scope string
	end              *endpoint
	dryRun           bool
	code             int // 0 in timings
}

// values returns the label values that all metrics of requests have, in the
// order of requestLabels.
func (l seriesKey) values() []string {
	if l.end == nil {
		return []string{l.verb, "", "", "", l.sub, l.scope, component(l)}
	}
	return []string{l.verb, l.end.kind.Group, l.end.kind.Version, l.end.Plural, l.sub, l.scope, component(l)}
}

var requestLabels = []string{"verb", "group", "version", "resource", "subresource", "scope", "component"}

// component is empty for paths that are no resources.
func component(l seriesKey) string {
	if l.end == nil {
		return ""
	}
	return "apiserver"
}

func (l seriesKey) dryRunValue() string {
	if l.dryRun {
		return "All"
	}
	return ""
}

// counts are what an endpoint counts of itself.
type counts struct {
	// common finds the series of what is asked most without hashing: by verb
	// and scope, without a subresource, answered with 200 or 201.
	common [len(verbNames) * len(scopes)]atomic.Pointer[series]
	// events were sent to watches.
	events     atomic.Uint64
	eventSizes histogram
	deprecated atomic.Bool // it was asked for
}

func newCounts() *counts { return &counts{eventSizes: newSizes(eventBounds)} }

var (
	verbNames = [...]string{"GET", "LIST", "WATCH", "POST", "PUT", "PATCH", "APPLY", "DELETE", "CONNECT", "OTHER"}
	scopes    = [...]string{"resource", "namespace", "cluster", ""}
)

const (
	verbGet, verbList, verbWatch, verbPost, verbPut, verbPatch = 0, 1, 2, 3, 4, 5
	verbApply, verbDelete, verbConnect, verbOther              = 6, 7, 8, 9
)

// verbIndex is the request's place in verbNames.
func (c *call) verbIndex() int {
	if c.info.IsResource && c.info.Subresource != "" && streams[c.info.Subresource] {
		return verbConnect
	}
	switch c.info.Verb {
	case "get":
		return verbGet
	case "list":
		return verbList
	case "watch":
		return verbWatch
	case "create":
		return verbPost
	case "update":
		return verbPut
	case "patch":
		if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/apply-patch") {
			return verbApply
		}
		return verbPatch
	case "delete", "deletecollection":
		return verbDelete
	case "post":
		return verbPost
	case "put":
		return verbPut
	}
	return verbOther
}

// scopeIndex is the request's place in scopes.
func (c *call) scopeIndex() int {
	switch i := c.info; {
	case i.Name != "" || i.Verb == "create":
		return 0
	case i.Namespace != "":
		return 1
	case i.IsResource:
		return 2
	}
	return 3
}

// series finds the request's.
func (m *metrics) find(c *call) *series {
	code := c.w.status
	if code == 0 {
		code = http.StatusOK
	}
	verb, scope := c.verbIndex(), c.scopeIndex()
	dryRun := c.r.URL.RawQuery != "" && strings.Contains(c.r.URL.RawQuery, "dryRun=All")
	common := c.end != nil && c.info.Subresource == "" && !dryRun && (code == http.StatusOK && verb != verbPost || code == http.StatusCreated && verb == verbPost)
	if common {
		if s := c.end.counts.common[verb*len(scopes)+scope].Load(); s != nil {
			return s
		}
	}
	l := seriesKey{verb: verbNames[verb], scope: scopes[scope], end: c.end, dryRun: dryRun, code: code}
	if c.end != nil {
		l.sub = c.knownSubresource()
	} else if l.scope = ""; !c.info.IsResource {
		l.sub = c.knownPath()
	}
	s := m.get(l)
	if common {
		c.end.counts.common[verb*len(scopes)+scope].Store(s)
	}
	return s
}

// running returns how many requests like this long one are under way.
func (m *metrics) running(c *call) *atomic.Int64 {
	l := seriesKey{verb: verbNames[c.verbIndex()], scope: scopes[c.scopeIndex()], end: c.end, sub: c.knownSubresource(), code: http.StatusOK}
	return &m.get(l).times.running
}

// record counts one finished request.
func (m *metrics) record(c *call, took time.Duration) {
	s := m.find(c)
	s.total.Add(1)
	if s.labels.verb == "WATCH" || s.labels.verb == "CONNECT" {
		return
	}
	s.times.duration.took(took)
	if !s.labels.dryRun {
		s.times.sli.took(max(took-c.waited, 0))
	}
	if s.labels.verb == "GET" || s.labels.verb == "LIST" {
		s.times.sizes.size(c.w.bytes)
	}
}

// knownSubresource returns the subresource if the server has it.
func (c *call) knownSubresource() string {
	sub := c.info.Subresource
	if sub == "" {
		return ""
	}
	_, stored := c.end.Subresources[sub]
	_, acts := c.actions[actionKey(c.end.group, sub)]
	if stored || acts || sub == "scale" {
		return sub
	}
	return "other"
}

// knownPath returns what the path begins with, if the server has it.
func (c *call) knownPath() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(c.info.Path, "/"), "/")
	switch first {
	case "healthz", "livez", "readyz", "version", "metrics", "openapi", "api", "apis":
		return "/" + first
	}
	if _, ok := c.cfg.Paths[first]; ok {
		return "/" + first
	}
	return ""
}
