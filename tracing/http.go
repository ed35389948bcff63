package tracing

import (
	"net/http"
	"strconv"
)

// Outgoing begins the span of a request to another server below the one that the
// request's context is within, and says so in the request's headers. It returns
// nil when there is none.
func Outgoing(r *http.Request) *Span {
	s := FromContext(r.Context())
	if s.Recording() {
		s = s.Call("HTTP "+r.Method, String("http.request.method", r.Method), String("url.full", r.URL.Redacted()),
			String("server.address", r.URL.Hostname()))
		if port, err := strconv.Atoi(r.URL.Port()); err == nil {
			s.Set(Int("server.port", port))
		}
	}
	s.Inject(r.Header)
	return s
}

// Answered tells what a request was answered with. That is a failure from 400 for
// who asked, and from 500 for who answered.
func (s *Span) Answered(status int) {
	if !s.Recording() {
		return
	}
	s.Set(Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError || status >= http.StatusBadRequest && s.kind == Client {
		s.fail("")
	}
}
