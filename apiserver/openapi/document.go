package openapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// document is one answer, kept compressed.
type document struct {
	contentType, etag string
	compressed        []byte
}

func newDocument(body []byte, contentType string) (*document, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return &document{contentType: contentType, etag: fmt.Sprintf("\"%X\"", sha512.Sum512(body)), compressed: bytes.Clone(out.Bytes())}, nil
}

func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", d.contentType)
	header.Set("ETag", d.etag)
	header.Add("Vary", "Accept-Encoding")
	header.Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(d.compressed)))
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = w.Write(d.compressed)
		}
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(d.compressed))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A client that hung up is nobody's fault.
		_, _ = io.Copy(w, z)
	}
}
