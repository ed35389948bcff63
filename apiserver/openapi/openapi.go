// Package openapi publishes the schemas of all that is served, as OpenAPI v3
// for each group and version and as one OpenAPI v2 document, so that clients
// explain and check manifests and generate code.
//
// The documents are derived from the Go types by reflection when they are first
// asked for, kept compressed, and dropped when nobody asks for some minutes.
package openapi

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/apiserver/discovery"
)

// Server answers requests for /openapi.
type Server struct {
	version string
	idle    time.Duration
	// others is nil when nobody serves behind this server.
	others Others
	// mu guards what follows. It is held while a document is made: one at a
	// time is enough, and its garbage is freed before the next.
	mu        sync.Mutex
	cbor      bool
	logs      bool
	resources []*api.Resource
	actions   []discovery.Action
	custom    map[schema.GroupVersionKind]Schema
	kept      map[string]*document
	dropping  *time.Timer
}

// Set is what is served.
type Set struct {
	Resources []*api.Resource
	Actions   []discovery.Action
	// Custom has the schemas of kinds without a Go type.
	Custom map[schema.GroupVersionKind]Schema
	// CBOR tells that objects are served in CBOR too, Logs that /logs/ is there.
	CBOR, Logs bool
}

// Schema is the structural schema (OpenAPI v3) of a kind without a Go type.
type Schema struct {
	// Hash changes with the schema.
	Hash string
	// Make returns it; nil when there is none.
	Make func() (json.RawMessage, error)
	// Selectable are the paths of the fields, such as spec.color, that field
	// selectors may ask for besides those of metadata (KEP-4358).
	Selectable []string
}

// idleTime is how long documents are kept when nobody asks for any.
const idleTime = 5 * time.Minute

// New returns a server that tells version as the version of the API.
func New(version string, set Set) *Server {
	s := &Server{version: version, idle: idleTime}
	s.Set(set)
	return s
}

// Set replaces what is served.
func (s *Server) Set(set Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources, s.actions, s.custom = set.Resources, set.Actions, set.Custom
	s.cbor, s.logs = set.CBOR, set.Logs
	s.kept = map[string]*document{}
}

// Drop frees all documents, as under memory pressure. They come back when asked
// for.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = map[string]*document{}
}

// ServeHTTP answers GET of /openapi/v2, /openapi/v3 and what is below the
// latter.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	path := strings.TrimSuffix(r.URL.Path, "/")
	var doc *document
	var err error
	switch {
	case path == "/openapi/v2":
		doc, err = s.v2(r)
	case path == "/openapi/v3":
		doc, err = s.index(r.Context())
	default:
		name, ok := strings.CutPrefix(path, "/openapi/v3/")
		if h := s.document(name); ok && h != nil {
			h.ServeHTTP(w, r)
			return
		}
		if !ok || !slices.Contains(s.names(), name) {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		doc, err = s.v3(name)
		if hash := r.URL.Query().Get("hash"); err == nil && hash != "" {
			// A URL with the hash never shows anything else.
			if hash != s.hash(name) {
				w.Header().Set("Location", s.url(name))
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			w.Header().Set("Cache-Control", "public, immutable")
			w.Header().Set("Expires", time.Now().AddDate(1, 0, 0).UTC().Format(http.TimeFormat))
		}
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("make OpenAPI document %s: %v", path, err), http.StatusInternalServerError)
		return
	}
	doc.serve(w, r)
}

// names lists the documents: those of the group versions are called "api/v1",
// "apis/apps/v1".
func (s *Server) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Collect(maps.Keys(s.fixed(s.groups())))
	for _, gv := range api.GroupVersions(s.resources) {
		out = append(out, prefixOf(gv))
	}
	return out
}

// prefixOf returns "api/v1" or "apis/GROUP/VERSION".
func prefixOf(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "api/" + gv.Version
	}
	return "apis/" + gv.String()
}

// document returns what answers for a document of another server, or nil.
func (s *Server) document(name string) http.Handler {
	if s.others == nil {
		return nil
	}
	return s.others.Document(name)
}

// index is the document at /openapi/v3.
func (s *Server) index(ctx context.Context) (*document, error) {
	type item struct {
		URL string `json:"serverRelativeURL"`
	}
	paths := map[string]item{}
	for _, name := range s.names() {
		paths[name] = item{s.url(name)}
	}
	if s.others != nil {
		for name, hash := range s.others.Index(ctx) {
			paths[name] = item{"/openapi/v3/" + name + "?hash=" + url.QueryEscape(hash)}
		}
	}
	body, err := json.Marshal(map[string]any{"paths": paths})
	if err != nil {
		return nil, err
	}
	return newDocument(body, "application/json")
}

func (s *Server) url(name string) string { return "/openapi/v3/" + name + "?hash=" + s.hash(name) }

// hash changes with whatever may change a document. The types are this
// program's own, so they are known by its build, and nothing need be made.
func (s *Server) hash(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := sha512.New()
	fmt.Fprintln(h, s.version, name, buildID(), s.cbor, s.logs)
	for _, r := range s.resources {
		fmt.Fprintln(h, r.Kind, r.Plural, r.Verbs, len(r.Subresources))
		for _, v := range r.Also {
			fmt.Fprintln(h, v.Kind)
		}
	}
	kinds := make([]string, 0, len(s.custom))
	for kind, custom := range s.custom {
		kinds = append(kinds, kind.String()+custom.Hash)
	}
	slices.Sort(kinds)
	fmt.Fprintln(h, kinds)
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

var buildID = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return info.String()
})

// keep returns the document kept under name, making it first if need be.
func (s *Server) keep(name string, build func() ([]byte, string, error)) (*document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropping != nil {
		s.dropping.Stop()
	}
	s.dropping = time.AfterFunc(s.idle, s.Drop)
	if doc := s.kept[name]; doc != nil {
		return doc, nil
	}
	body, contentType, err := build()
	if err != nil {
		return nil, err
	}
	doc, err := newDocument(body, contentType)
	if err == nil {
		s.kept[name] = doc
	}
	return doc, err
}
