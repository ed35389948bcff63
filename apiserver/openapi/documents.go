package openapi

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
)

// protobufV2 is OpenAPI v2 in gnostic's protobuf, with the two names under
// which clients ask for it.
const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

var protobufNames = map[string]bool{
	protobufV2: true,
	"application/com.github.proto-openapi.spec.v2@v1.0+protobuf": true,
}

// v2 returns the one document of OpenAPI v2, in the encoding that is asked for.
func (s *Server) v2(r *http.Request) (*document, error) {
	if !wantsProtobuf(r.Header.Get("Accept")) {
		others := s.othersV2(r.Context(), "v2.json")
		return s.keep("v2.json", func() ([]byte, string, error) {
			body, err := json.Marshal(s.swagger(others))
			return body, "application/json", err
		})
	}
	others := s.othersV2(r.Context(), "v2.pb")
	return s.keep("v2.pb", func() ([]byte, string, error) {
		// Through JSON, so that the encoder sees one set of types.
		raw, err := json.Marshal(s.swagger(others))
		if err != nil {
			return nil, "", err
		}
		var doc object
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, "", err
		}
		return encodeDocument(doc), protobufV2, nil
	})
}

func wantsProtobuf(accept string) bool {
	for _, part := range strings.Split(accept, ",") {
		part = strings.TrimSpace(part)
		// The name with @ is no token of RFC 9110, so the parser may refuse it.
		if media, _, err := mime.ParseMediaType(part); err == nil {
			part = media
		}
		if protobufNames[part] {
			return true
		}
		if part == "application/json" || part == "*/*" {
			return false
		}
	}
	return false
}

// swagger makes the document of OpenAPI v2. s.mu is held.
func (s *Server) swagger(others map[string][]byte) object {
	b := s.newBuild(v2)
	versions := api.GroupVersions(s.resources)
	b.versions(s, versions, append(everyVersion(), versions...))
	for _, ops := range s.fixed(s.groups()) {
		b.operations(ops)
	}
	for at, document := range others {
		merge(b.paths, b.defined, at, document)
	}
	return object{
		"swagger": "2.0", "info": object{"title": "Kubernetes", "version": s.version},
		"paths": b.paths, "definitions": b.defined, "parameters": b.shared,
		"security":            []object{{"BearerToken": []string{}}},
		"securityDefinitions": object{"BearerToken": bearer},
	}
}

// bearer is how clients say who they are.
var bearer = object{"type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication"}

// v3 returns the document of one name: a group version's, or one that tells of
// no resource.
func (s *Server) v3(name string) (*document, error) {
	return s.keep("v3/"+name, func() ([]byte, string, error) {
		b := s.newBuild(v3)
		var of []schema.GroupVersion
		for _, gv := range api.GroupVersions(s.resources) {
			if prefixOf(gv) == name {
				of = append(of, gv)
			}
		}
		if len(of) > 0 {
			b.versions(s, of, append(of, schema.GroupVersion{Version: "v1"}))
		} else {
			b.operations(s.fixed(s.groups())[name])
		}
		components := object{"securitySchemes": object{"BearerToken": bearer}}
		if len(b.defined) > 0 {
			components["schemas"] = b.defined
		}
		body, err := json.Marshal(object{
			"openapi": "3.0.0", "info": object{"title": "Kubernetes", "version": s.version}, "paths": b.paths, "components": components,
		})
		return body, "application/json", err
	})
}

// groups lists the groups, but for the first, that have a resource with a Go
// type. s.mu is held.
func (s *Server) groups() []string {
	var out []string
	for _, gv := range api.GroupVersions(s.resources) {
		if gv.Group == "" || slices.Contains(out, gv.Group) {
			continue
		}
		if slices.ContainsFunc(versionsOf(gv, s.resources), func(v version) bool { return !v.custom }) {
			out = append(out, gv.Group)
		}
	}
	return out
}
