package apiserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/codec"
	"minke/apiserver/h2"
	"minke/tracing"
)

// readBody returns the request's body, within the limit.
func (c *call) readBody() ([]byte, error) {
	data, err := c.readLimited()
	if err != nil {
		c.work.Event("limitedReadBody failed", tracing.Int("len", len(data)), tracing.String("err", err.Error()))
		return nil, err
	}
	c.size = len(data)
	c.work.Event("limitedReadBody succeeded", tracing.Int("len", len(data)))
	return data, nil
}

func (c *call) readLimited() ([]byte, error) {
	limits := &c.cfg.Limits
	limit := limits.Body
	tooLarge := func() error { return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", limit)) }
	if c.r.Body == nil {
		return nil, nil
	}
	if c.r.ContentLength > limit {
		return nil, tooLarge()
	}
	// Who sends too slowly gives up its place.
	control := http.NewResponseController(c.w.ResponseWriter)
	if control.SetReadDeadline(time.Now().Add(limits.Request)) == nil {
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	}
	c.ticket.Away() // the client decides how long it takes
	defer c.ticket.Back()
	// Memory is only given for what has arrived, beyond a small body.
	if n := c.r.ContentLength; n > 0 && n <= smallBody {
		if whole, ok := c.r.Body.(h2.Whole); ok {
			if data, ok, err := whole.Take(); ok {
				return data, badBody(err)
			}
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(c.r.Body, data); err != nil {
			return nil, badBody(err)
		}
		return data, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, limit))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, badBody(err)
	}
	return data, nil
}

// smallBody is up to how many bytes a client's word is taken for a body's size.
const smallBody = 64 << 10

// badBody is nil for nil.
func badBody(err error) error {
	if err == nil {
		return nil
	}
	return apierrors.NewBadRequest("read the request's body: " + err.Error())
}

// decodeObject returns the request's object in its stored version, with
// defaults.
func (c *call) decodeObject(v codec.Validation) (api.Object, error) {
	if given := inprocess.ObjectOf(c.r); given != nil {
		c.auditBody(codec.JSON, nil, given)
		return c.takeObject(given)
	}
	format, ok := c.offer().FormatOf(c.r.Header.Get("Content-Type"))
	if !ok {
		return nil, unsupportedMedia(c.offer().Media())
	}
	data, err := c.readBody()
	if err != nil {
		return nil, err
	}
	return c.decodeBytes(&codec.Body{Data: data, Format: format, Validation: v, KindName: c.cfg.KindName})
}

func (c *call) decodeBytes(body *codec.Body) (api.Object, error) {
	c.work.Event("About to convert to expected version")
	defer c.work.Event("Conversion done")
	obj := c.end.empty()
	warnings, err := body.Decode(obj, c.end.kind)
	if err != nil {
		return nil, err
	}
	c.auditBody(body.Format, body.Data, obj)
	c.warnAll(warnings)
	if err := c.conform(obj, body.Validation, nil); err != nil {
		return nil, err
	}
	return c.importObject(obj)
}

// conform gives an object of a request the form that its schema demands, if it
// has one instead of a Go type. Patched is the text of what a patch made; nil of what
// a client sent.
func (c *call) conform(obj runtime.Object, v codec.Validation, patched []byte) error {
	if c.end.Conform == nil {
		return nil
	}
	refuse := func(err error) error {
		if patched != nil {
			return badPatch(patched, err)
		}
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", c.end.kind.Kind, c.end.kind.Version, c.end.kind.Kind, err))
	}
	unknown, err := c.end.Conform(obj.(api.Object))
	if err != nil {
		return refuse(err)
	}
	complaints := make([]error, len(unknown))
	for i, path := range unknown {
		complaints[i] = fmt.Errorf("unknown field %q", path)
	}
	if len(complaints) > 0 && v == codec.Strict {
		return refuse(runtime.NewStrictDecodingError(complaints))
	}
	for _, complaint := range complaints {
		if v != codec.Ignore {
			c.warn(complaint.Error())
		}
	}
	return nil
}

// takeObject accepts an object from this process, which gives it away.
func (c *call) takeObject(given runtime.Object) (api.Object, error) {
	kind := given.GetObjectKind().GroupVersionKind()
	if kind.Kind != "" && kind != c.end.kind {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s", kind.Kind, kind.Version, c.end.kind.Kind))
	}
	given.GetObjectKind().SetGroupVersionKind(c.end.kind)
	if err := c.conform(given, codec.Ignore, nil); err != nil {
		return nil, err
	}
	return c.importObject(given)
}

func (c *call) importObject(obj runtime.Object) (api.Object, error) {
	stored, err := c.end.imported(obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return stored, nil
}

// decodeOther reads a body of a kind that is not the endpoint's, such as
// DeleteOptions or Scale. It tells false when there is no body.
func (c *call) decodeOther(into runtime.Object, kind schema.GroupVersionKind, v codec.Validation) (runtime.Object, bool, error) {
	if given := inprocess.ObjectOf(c.r); given != nil {
		c.auditBody(codec.JSON, nil, given)
		return given, true, nil
	}
	data, err := c.readBody()
	if err != nil || len(data) == 0 {
		return into, false, err
	}
	format, ok := c.offer().FormatOf(c.r.Header.Get("Content-Type"))
	if !ok {
		return nil, false, unsupportedMedia(c.offer().Media())
	}
	body := &codec.Body{Data: data, Format: format, Validation: v, Bare: kind.Version == ""}
	warnings, err := body.Decode(into, kind)
	if err == nil {
		c.auditBody(format, data, into)
	}
	c.warnAll(warnings)
	return into, true, err
}
