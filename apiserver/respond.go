package apiserver

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/apiserver/codec"
	"minke/store/cache"
)

var statusKind = schema.GroupVersionKind{Version: "v1", Kind: "Status"}

// refuse answers with err. Nothing is added to an answer that has begun.
func (c *call) refuse(err error) {
	if c.w.status != 0 {
		return
	}
	status := statusOf(err)
	if status.Code == 0 {
		status.Code = http.StatusInternalServerError
	}
	c.audit.Refused(status)
	if status.Code >= http.StatusInternalServerError {
		c.log.Warn("request failed", "verb", c.info.Verb, "path", c.info.Path, "code", status.Code, "error", err)
	}
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	format, ok := c.offer().NegotiatePlain(c.r.Header.Get("Accept"))
	if !ok {
		format = codec.JSON
	}
	c.accepted = codec.Accepted{Format: format}
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	_ = c.writeObject(int(status.Code), status, statusKind)
}

// writeObject answers with one object that has no kept encodings.
func (c *call) writeObject(status int, obj runtime.Object, kind schema.GroupVersionKind) error {
	c.auditObject(obj, kind)
	if c.objects != nil {
		c.writer().(objectRecorder).WriteObject(status, obj)
		return nil
	}
	format := c.accepted.Format
	if format == codec.Protobuf && !codec.HasProtobuf(obj) {
		format = codec.JSON
	}
	data, err := codec.Encode(obj, kind, format, c.pretty())
	if err != nil {
		return err
	}
	return c.writeBytes(status, format.String(), data)
}

// writeItem answers with an object of the endpoint.
func (c *call) writeItem(status int, item *cache.Item) error {
	c.auditItem(item)
	if c.objects != nil {
		obj, err := c.end.exported(item.Object())
		if err != nil {
			return err
		}
		c.writer().(objectRecorder).WriteObject(status, obj)
		return nil
	}
	switch c.accepted.As {
	case "Table":
		return c.writeTable(status, []*cache.Item{item}, metav1.ListMeta{ResourceVersion: metaOf(item).GetResourceVersion()})
	case "PartialObjectMetadataList":
		return notAcceptable("you requested PartialObjectMetadataList, but the requested object is not a list")
	}
	v := c.end.views.pick(c.accepted, c.end.hasProtobuf)
	if head, tail, ok := v.text(item); ok && c.accepted.Format != codec.YAML && !c.pretty() {
		return c.writeBytes(status, codec.MediaJSON, head, codec.AppendVersion(c.versionText[:0], int64(item.Revision)), tail, newline)
	}
	data, err := v.encoding(item)
	if err != nil {
		return err
	}
	switch v.format {
	case codec.Protobuf:
		head := codec.EnvelopeHead(v.kind, len(data))
		return c.writeBytes(status, codec.MediaProtobuf, head, data)
	case codec.CBOR:
		return c.writeBytes(status, codec.MediaCBOR, data)
	}
	if c.accepted.Format == codec.YAML || c.pretty() {
		if data, err = codec.Finish(data, c.accepted.Format, c.pretty()); err != nil {
			return err
		}
		return c.writeBytes(status, c.textType(), data)
	}
	return c.writeBytes(status, codec.MediaJSON, data, newline)
}

var newline = []byte("\n")

// textType returns the content type of an answer that is a text.
func (c *call) textType() string {
	if c.accepted.Format == codec.YAML {
		return codec.MediaYAML
	}
	return codec.MediaJSON
}

// pretty tells whether a person reads the answer.
func (c *call) pretty() bool {
	if c.r.URL.RawQuery != "" {
		if c.query == nil {
			c.query = c.r.URL.Query()
		}
		if said := c.query.Get("pretty"); said != "" {
			pretty, err := strconv.ParseBool(said)
			return pretty && err == nil
		}
	}
	agent := c.r.UserAgent()
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

func (c *call) writeBytes(status int, contentType string, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if size < gzipFrom {
		c.w.Header()["Content-Length"] = c.values.length.of(strconv.Itoa(size))
	}
	if size < stallFrom {
		c.writeShort(status, contentType, size, parts)
		return nil
	}
	parts = slices.Clone(parts) // they need no memory of their own otherwise
	return c.writeStream(status, contentType, size, func(w io.Writer) error {
		for _, p := range parts {
			if _, err := w.Write(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeShort is writeStream for what is neither compressed nor bounded in time.
func (c *call) writeShort(status int, contentType string, size int, parts [][]byte) {
	if c.work.Recording() {
		defer c.traceAnswer(contentType, size)()
	}
	c.begin(status, contentType, size)
	if c.r.Method == http.MethodHead {
		return
	}
	for _, p := range parts {
		if _, err := c.w.Write(p); err != nil {
			return
		}
	}
}

// begin sends the header of an answer of about size bytes.
func (c *call) begin(status int, contentType string, size int) {
	if size >= awayFrom {
		c.ticket.Away() // the client decides how long it takes
	}
	c.w.Header()["Content-Type"] = c.values.contentType.of(contentType)
	c.w.WriteHeader(status)
}

// gzipFrom is the size in bytes from which answers are compressed for clients
// that accept it: below it the time costs more than the bytes.
const gzipFrom = 128 << 10

// stallFrom is the size in bytes from which an answer may not fit into the
// connection's buffers, so that its sending is bounded in time.
const stallFrom = 64 << 10

// awayFrom is the size in bytes from which an answer is sent without a turn, for
// the client may keep it waiting. What is smaller waits in a buffer instead.
const awayFrom = 2 << 10

// packer compresses in pieces of packed bytes.
type packer struct {
	*gzip.Writer
	pieces *bufio.Writer
}

const packed = 32 << 10

var packers = sync.Pool{New: func() any {
	p := &packer{pieces: bufio.NewWriterSize(io.Discard, packed)}
	p.Writer, _ = gzip.NewWriterLevel(p.pieces, gzip.BestSpeed)
	return p
}}

// paced lets others have the processor for every pieceOf bytes that it is given,
// if it is their turn: to compress a long list takes many times as long as a
// short request.
type paced struct {
	io.Writer
	*call
	since int
}

const pieceOf = 32 << 10

func (p *paced) Write(data []byte) (int, error) {
	if p.since += len(data); p.since >= pieceOf {
		p.since = 0
		p.ticket.Yield()
	}
	return p.Writer.Write(data)
}

// patient writes to the client, and has no turn while it does.
type patient struct{ *call }

func (p patient) Write(data []byte) (int, error) {
	p.ticket.Away()
	defer p.ticket.Back()
	return p.w.Write(data)
}

// writeStream answers with about size bytes that write makes. Failures to send
// are the client's, not ours: nobody is left to be told.
func (c *call) writeStream(status int, contentType string, size int, write func(io.Writer) error) error {
	if size < gzipFrom || !acceptsGzip(c.r) {
		return c.writeAsIs(status, contentType, size, write)
	}
	if c.work.Recording() {
		defer c.traceAnswer(contentType, size)()
	}
	defer c.boundSending()()
	c.w.Header()["Content-Type"] = c.values.contentType.of(contentType)
	c.sayGzip()
	c.w.WriteHeader(status)
	_ = c.compress(patient{c}, write)
	return nil
}

// writeAsIs is writeStream for what is not to be compressed, or is already.
func (c *call) writeAsIs(status int, contentType string, size int, write func(io.Writer) error) error {
	if c.work.Recording() {
		defer c.traceAnswer(contentType, size)()
	}
	if size >= stallFrom {
		defer c.boundSending()()
	}
	c.begin(status, contentType, size)
	if c.r.Method != http.MethodHead {
		_ = write(c.w)
	}
	return nil
}

// boundSending sees to it that who reads too slowly gives up its place, until
// the function that it returns is called.
func (c *call) boundSending() func() {
	if c.objects == nil {
		control := http.NewResponseController(c.w.ResponseWriter)
		if control.SetWriteDeadline(time.Now().Add(c.cfg.Limits.Request)) == nil {
			return func() { _ = control.SetWriteDeadline(time.Time{}) }
		}
	}
	return func() {}
}

// sayGzip says in the header that the answer is compressed.
func (c *call) sayGzip() {
	header := c.w.Header()
	header.Set("Content-Encoding", "gzip")
	header.Add("Vary", "Accept-Encoding")
}

// compress compresses what write writes to w, in large pieces.
func (c *call) compress(w io.Writer, write func(io.Writer) error) error {
	z := packers.Get().(*packer)
	defer func() {
		z.pieces.Reset(io.Discard)
		packers.Put(z)
	}()
	z.pieces.Reset(w)
	z.Reset(z.pieces)
	if err := write(&paced{Writer: z, call: c}); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return z.pieces.Flush()
}

func acceptsGzip(r *http.Request) bool {
	if r.Method == http.MethodHead {
		return false
	}
	for _, value := range r.Header["Accept-Encoding"] {
		for part := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			if name == "gzip" && strings.ReplaceAll(params, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}
