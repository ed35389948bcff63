package h2

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// headers reads one header block after another, each of one or more frames.
type headers struct {
	decoder *hpack.Decoder
	limit   uint32

	stream  uint32 // whose block is being read; zero for none
	ends    bool   // the stream ends with its header
	size    uint32 // of the fields so far, as RFC 9113 counts
	sent    uint32 // bytes of the block so far
	regular bool   // a field that is not a pseudo-field has come
	err     error  // why the request is refused; the block is read all the same
	pseudo  pseudo
	fields  []hpack.HeaderField
}

// pseudo are the fields that stand for HTTP/1's first line.
type pseudo struct{ method, scheme, authority, path string }

var (
	errHeaderSize = errors.New("the header is too large")
	errMalformed  = errors.New("the header is malformed")
)

func (h *headers) init(limit uint32) {
	h.limit = limit
	h.decoder = hpack.NewDecoder(4096, h.field)
	h.decoder.SetMaxStringLength(int(limit))
}

// begin starts a block; more adds a fragment to it.
func (h *headers) begin(stream uint32, ends bool) {
	h.stream, h.ends, h.size, h.sent, h.regular, h.err = stream, ends, 0, 0, false, nil
	h.pseudo, h.fields = pseudo{}, h.fields[:0]
}

func (h *headers) more(fragment []byte) error {
	// What is not even looked at costs its decoding still: so it is bounded
	// (CVE-2023-45288).
	if h.sent += uint32(len(fragment)); h.sent > 2*h.limit {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	if _, err := h.decoder.Write(fragment); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	return nil
}

func (h *headers) end() error {
	if err := h.decoder.Close(); err != nil {
		return http2.ConnectionError(http2.ErrCodeCompression)
	}
	return nil
}

// field takes one field from the decoder.
func (h *headers) field(f hpack.HeaderField) {
	if h.err != nil {
		return
	}
	if h.size += f.Size(); h.size > h.limit {
		h.err = errHeaderSize
		return
	}
	if !httpguts.ValidHeaderFieldValue(f.Value) {
		h.err = errMalformed
		return
	}
	if f.IsPseudo() {
		h.setPseudo(f)
		return
	}
	h.regular = true
	switch f.Name {
	case "connection", "proxy-connection", "transfer-encoding", "upgrade", "keep-alive":
		h.err = errMalformed
		return
	case "te":
		if f.Value != "trailers" {
			h.err = errMalformed
			return
		}
	}
	if !validName(f.Name) {
		h.err = errMalformed
		return
	}
	h.fields = append(h.fields, f)
}

func (h *headers) setPseudo(f hpack.HeaderField) {
	var at *string
	switch f.Name {
	case ":method":
		at = &h.pseudo.method
	case ":scheme":
		at = &h.pseudo.scheme
	case ":authority":
		at = &h.pseudo.authority
	case ":path":
		at = &h.pseudo.path
	}
	if at == nil || *at != "" || h.regular {
		h.err = errMalformed
		return
	}
	*at = f.Value
}

// validName tells whether a field's name is a token in lower case.
func validName(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= 'A' && c <= 'Z' || !httpguts.IsTokenRune(rune(c)) {
			return false
		}
	}
	return true
}

// request fills r with what the block says.
func (h *headers) request(r *http.Request) error {
	p := &h.pseudo
	if h.err != nil {
		return h.err
	}
	if p.method == "" || p.path == "" || p.scheme != "https" && p.scheme != "http" || p.method == http.MethodConnect {
		return errMalformed
	}
	header := make(http.Header, len(h.fields)+1)
	values := make([]string, len(h.fields))
	for i, f := range h.fields {
		name := canonical(f.Name)
		if have, ok := header[name]; ok {
			if name == "Cookie" { // it may come in crumbs
				have[0] += "; " + f.Value
				continue
			}
			header[name] = append(have, f.Value)
			continue
		}
		values[i] = f.Value
		header[name] = values[i : i+1 : i+1]
	}
	if p.authority == "" {
		p.authority = header.Get("Host")
	}
	delete(header, "Host")
	if !httpguts.ValidHostHeader(p.authority) {
		return errMalformed
	}
	var err error
	r.URL, err = parseURL(p.method, p.path)
	if err != nil {
		return errMalformed
	}
	r.Method, r.RequestURI, r.Host, r.Header = p.method, p.path, p.authority, header
	r.Proto, r.ProtoMajor = "HTTP/2.0", 2
	r.ContentLength, err = h.length(header)
	return err
}

func parseURL(method, path string) (*url.URL, error) {
	if method == http.MethodOptions && path == "*" {
		return &url.URL{Path: "*"}, nil
	}
	if !strings.HasPrefix(path, "/") {
		return nil, errMalformed
	}
	return url.ParseRequestURI(path)
}

// length is how long the body will be; -1 when the client does not say.
func (h *headers) length(header http.Header) (int64, error) {
	lengths := header["Content-Length"]
	if len(lengths) == 0 {
		if h.ends {
			return 0, nil
		}
		return -1, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 63)
	if err != nil || len(lengths) > 1 || h.ends && n > 0 {
		return 0, errMalformed
	}
	return int64(n), nil
}

// known are the field names that clients of Kubernetes send, canonical.
var known = map[string]string{}

func init() {
	for _, name := range []string{"Accept", "Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Host",
		"If-None-Match", "Kubectl-Command", "Kubectl-Session", "Traceparent", "User-Agent"} {
		known[strings.ToLower(name)] = name
	}
}

func canonical(name string) string {
	if c, ok := known[name]; ok {
		return c
	}
	return http.CanonicalHeaderKey(name)
}
