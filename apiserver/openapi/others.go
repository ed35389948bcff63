package openapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// Others are API servers behind this one, with documents of their own.
type Others interface {
	// Index returns the OpenAPI v3 documents by name, such as
	// "apis/example.com/v1", each with its hash.
	Index(ctx context.Context) map[string]string
	// Document answers for one of them; nil when there is none.
	Document(name string) http.Handler
	// V2 returns OpenAPI v2 documents by the path that is to be taken of each,
	// such as "/apis/example.com/v1".
	V2(ctx context.Context) map[string][]byte
}

// SetOthers merges the documents of others with this server's. It is called
// before the first request.
func (s *Server) SetOthers(o Others) { s.others = o }

// othersV2 asks others for their documents, unless the merged one is kept.
func (s *Server) othersV2(ctx context.Context, kept string) map[string][]byte {
	s.mu.Lock()
	have := s.kept[kept] != nil
	s.mu.Unlock()
	if have || s.others == nil {
		return nil
	}
	return s.others.V2(ctx)
}

// merge adds to paths and definitions those of another server's document that
// are about the path at. Definitions that are there already, such as those of
// metadata, are taken for the same.
func merge(paths object, definitions map[string]object, at string, document []byte) {
	var other struct {
		Paths       map[string]any    `json:"paths"`
		Definitions map[string]object `json:"definitions"`
	}
	if json.Unmarshal(document, &other) != nil {
		return // what cannot be read is not published
	}
	for path, item := range other.Paths {
		if strings.HasPrefix(path, at+"/") {
			paths[path] = item
		}
	}
	for name, definition := range other.Definitions {
		if _, taken := definitions[name]; !taken {
			definitions[name] = definition
		}
	}
}
