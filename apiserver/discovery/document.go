package discovery

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const (
	protobufType = "application/vnd.kubernetes.protobuf"
	yamlType     = "application/yaml"
)

// object is a discovery document before it is encoded.
type object runtime.Object

// document is one answer, encoded when first asked for.
type document struct {
	object      object
	contentType string
	once        sync.Once
	json        []byte
	etag        string
	err         error
}

func (d *document) encode() {
	d.once.Do(func() {
		if d.json, d.err = json.Marshal(d.object); d.err == nil {
			d.etag = fmt.Sprintf("\"%X\"", sha512.Sum512(d.json))
		}
	})
}

func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	contentType := d.contentType
	if contentType == "" {
		contentType = preferred(r.Header.Get("Accept"))
	}
	if contentType == protobufType {
		if d.serveProtobuf(w) {
			return
		}
		contentType = "application/json"
	}
	d.encode()
	if d.err != nil {
		http.Error(w, fmt.Sprintf("encode discovery document %s: %v", r.URL.Path, d.err), http.StatusInternalServerError)
		return
	}
	body, etag := d.json, d.etag
	if contentType == yamlType {
		etag = strings.TrimSuffix(etag, `"`) + `-yaml"`
		var err error
		if body, err = yaml.JSONToYAML(d.json); err != nil {
			http.Error(w, fmt.Sprintf("encode discovery document %s: %v", r.URL.Path, err), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// A client that hung up is nobody's fault.
		_, _ = w.Write(body)
	}
}

// matches implements If-None-Match (RFC 9110, 13.1.2).
func matches(header, etag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == etag {
			return true
		}
	}
	return false
}

// preferred returns the first of the media types that accept names and a document
// without parameters is told in; JSON if there is none.
func preferred(accept string) string {
	for _, part := range strings.Split(accept, ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		switch media {
		case protobufType, yamlType:
			return media
		case "application/json", "*/*":
			return "application/json"
		}
	}
	return "application/json"
}

// serveProtobuf answers in Kubernetes' protobuf envelope (a magic number and a
// runtime.Unknown), and tells whether the object could be put so.
func (d *document) serveProtobuf(w http.ResponseWriter) bool {
	m, ok := d.object.(interface{ Marshal() ([]byte, error) })
	if !ok {
		return false
	}
	raw, err := m.Marshal()
	if err != nil {
		return false
	}
	gvk := d.object.GetObjectKind().GroupVersionKind()
	envelope := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: gvk.Kind}, Raw: raw}
	body, err := envelope.Marshal()
	if err != nil {
		return false
	}
	w.Header().Set("Content-Type", protobufType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(append([]byte("k8s\x00"), body...))
	return true
}
