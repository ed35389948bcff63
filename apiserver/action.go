package apiserver

import (
	"fmt"
	"net/http"
	"reflect"

	authenticationv1 "k8s.io/api/authentication/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api/inprocess"
	"minke/apiserver/audit"
	"minke/apiserver/codec"
	"minke/apiserver/request"
)

// Handle adds actions (see Config.Actions) to those that the server has. It is
// for handlers that need the server themselves, before it serves requests.
func (s *Server) Handle(actions map[string]http.Handler) {
	for name, h := range actions {
		s.actions[name] = h
	}
}

// ActionCodec reads the bodies of actions and writes their answers, in the form
// that the client chose, or as objects when the client is in this process.
type ActionCodec struct {
	// Limit bounds bodies, in bytes; zero means 3 MiB.
	Limit int64
	// CBOR tells that it is read and written too.
	CBOR bool
}

// Read decodes the request's body into an object of the kind that its Go type
// is named after, as strictly as the request's fieldValidation says; w gets the
// warnings. Errors are StatusErrors.
func (a ActionCodec) Read(w http.ResponseWriter, r *http.Request, into runtime.Object) error {
	if given := inprocess.ObjectOf(r); given != nil {
		from, to := reflect.ValueOf(given), reflect.ValueOf(into)
		if from.Type() != to.Type() {
			return apierrors.NewBadRequest(fmt.Sprintf("the body is a %T, not a %T", given, into))
		}
		to.Elem().Set(from.Elem())
		a.call(noResponse{}, r).auditBody(codec.JSON, nil, given)
		return nil
	}
	c := a.call(w, r)
	kind := schema.GroupVersionKind{Kind: reflect.TypeOf(into).Elem().Name()}
	switch into.(type) {
	case *policyv1.Eviction:
		// It comes in the versions of the group and of old.
	case *authenticationv1.TokenRequest:
		// What acts on another's object is of a group of its own.
		kind = authenticationv1.SchemeGroupVersion.WithKind(kind.Kind)
	default:
		kind.Group, kind.Version = c.info.Group, c.info.Version
	}
	c.query = r.URL.Query()
	options, err := c.writeOptions("CreateOptions")
	if err != nil {
		return err
	}
	_, found, err := c.decodeOther(into, kind, options.validation)
	if err == nil && !found {
		_, err = (&codec.Body{}).Decode(into, kind) // says what is wrong with it
	}
	return err
}

// Write answers with obj, which names its kind.
func (a ActionCodec) Write(w http.ResponseWriter, r *http.Request, status int, obj runtime.Object) {
	c := a.call(w, r)
	format, ok := c.offer().NegotiatePlain(r.Header.Get("Accept"))
	if !ok {
		c.refuse(notAcceptable("only the following media types are accepted: " + c.offer().Media()))
		return
	}
	c.accepted.Format = format
	if err := c.writeObject(status, obj, obj.GetObjectKind().GroupVersionKind()); err != nil {
		c.refuse(err)
	}
}

// WriteError answers with a Status.
func (a ActionCodec) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	a.call(w, r).refuse(err)
}

func (a ActionCodec) call(w http.ResponseWriter, r *http.Request) *call {
	s := &Server{log: slogDefault()}
	s.cfg.Limits.Body, s.cfg.CBOR = a.Limit, a.CBOR
	s.cfg.Limits.fill()
	c := &call{Server: s, w: &recorder{ResponseWriter: w}, r: r, ctx: r.Context(), info: request.InfoFrom(r.Context()),
		audit: audit.RecordFrom(r.Context())}
	if c.info == nil {
		c.info = request.Parse(r)
	}
	c.objects, _ = w.(inprocess.ObjectWriter)
	return c
}
