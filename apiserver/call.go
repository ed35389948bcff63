package apiserver

import (
	"context"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"minke/api/inprocess"
	"minke/apiserver/audit"
	"minke/apiserver/codec"
	"minke/apiserver/flowcontrol"
	"minke/apiserver/lazycontext"
	"minke/apiserver/request"
	"minke/tracing"
)

// call is one request on its way through the server.
type call struct {
	*Server
	w    *recorder
	r    *http.Request
	ctx  context.Context
	info *request.Info
	user *inprocess.User
	end  *endpoint
	// What a request from outside has in any case is part of it: its recorder,
	// and what ctx gets when the user is known and when its time begins.
	recorder recorder
	known    request.Context
	limit    lazycontext.Context
	// values are those of the answer's header that each has of its own.
	values struct{ auditID, contentType, length single }
	// versionText is room for an object's resourceVersion.
	versionText [maxVersion]byte
	// query is the URL's query, parsed.
	query url.Values
	// accepted is how the client wants its answer.
	accepted codec.Accepted
	// objects is set when the answer goes to this process, as an object.
	objects inprocess.ObjectWriter
	// size is that of the request's body, in bytes.
	size int
	// ticket holds the request's seats.
	ticket flowcontrol.Ticket
	// audit is the request's record; nil when it is not audited.
	audit *audit.Record
	// span is the request's, work the one for what is being done; nil when
	// nothing is traced.
	span, work *tracing.Span
	began      time.Time
	// waited is how long it waited for its seats.
	waited   time.Duration
	warnings warnings
}

// single is what a header field with one value holds.
type single [1]string

func (s *single) of(value string) []string {
	s[0] = value
	return s[:]
}

// warnings are those of one answer: each once, and all of them at full length as long
// as they are no more than maxWarnings together.
type warnings struct {
	texts []string
	seen  map[string]bool
	// written counts the characters that were sent.
	written int
	// cut tells that each is cut to maxWarningText.
	cut bool
}

// The bounds of the Warning headers of one answer, in characters, are Kubernetes'.
const (
	maxWarnings    = 4096
	maxWarningText = 256
)

// warn adds a Warning header. It must be called before the answer begins.
func (c *call) warn(text string) {
	w := &c.warnings
	if text == "" || w.cut && w.written >= maxWarnings || w.seen[text] {
		return
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[text] = true
	w.texts = append(w.texts, text)
	if w.cut || w.written+utf8.RuneCountInString(text) <= maxWarnings {
		c.sendWarning(text)
		return
	}
	w.cut, w.written = true, 0
	c.w.Header().Del("Warning")
	for _, t := range w.texts {
		c.sendWarning(t)
	}
}

func (c *call) sendWarning(text string) {
	n := utf8.RuneCountInString(text)
	if c.warnings.cut && n > maxWarningText {
		text, n = string([]rune(text)[:maxWarningText]), maxWarningText
	}
	if header, err := utilnet.NewWarningHeader(299, "-", text); err == nil {
		c.warnings.written += n
		c.w.Header().Add("Warning", header)
	}
}

func (c *call) warnAll(texts []string) {
	for _, t := range texts {
		c.warn(t)
	}
}

func (c *call) notFound() error { return apierrors.NewNotFound(c.end.asked(), c.info.Name) }

// key returns the store's key of the object that the request names.
func (c *call) key() string { return c.end.key(c.info.Namespace, c.info.Name) }

// offer is what the server reads and writes.
func (c *call) offer() codec.Offer { return codec.Offer{CBOR: c.cfg.CBOR} }

// acceptable refuses an Accept header that names nothing which the path has.
func (c *call) acceptable() error {
	o := c.offer()
	if c.end.use != nil || o.Produces(c.r.Header.Get("Accept")) {
		return nil
	}
	all := o.Media()
	if c.info.Verb == "list" || c.info.Verb == "watch" {
		all += ", " + o.StreamMedia()
	}
	err := fail(http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable, "406: Not Acceptable\n\nAvailable representations: "+all)
	err.ErrStatus.Details = &metav1.StatusDetails{}
	return err
}

// negotiate reads the Accept header.
func (c *call) negotiate() error {
	if err := c.acceptable(); err != nil {
		return err
	}
	o := c.offer()
	o.Untyped = c.end.Conform != nil
	a, ok := o.Negotiate(c.r.Header.Get("Accept"))
	if !ok {
		return notAcceptable("only the following media types are accepted: " + c.offer().Media())
	}
	c.accepted = a
	return nil
}
