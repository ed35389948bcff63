package discovery

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Root returns a handler of "/" that lists all paths: those of discovery and
// others, such as "/healthz" and "/metrics".
func (s *Server) Root(others ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		body, err := json.MarshalIndent(map[string][]string{"paths": s.paths(others)}, "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

func (s *Server) paths(others []string) []string {
	paths := append([]string{"/api", "/apis"}, others...)
	for _, g := range s.current.Load().groups {
		prefix := "/apis/" + g.name
		if g.name == "" {
			prefix = "/api"
		} else {
			paths = append(paths, prefix)
		}
		for _, v := range g.versions {
			paths = append(paths, prefix+"/"+v.version)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
