package cluster

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"minke/apiserver/zpages"
)

// zpages adds the pages that say what this server is: only now are the other
// paths known.
func (s *Server) zpages(paths map[string]http.Handler) {
	names := []string{"/livez", "/readyz", "/healthz", "/metrics", "/version", "/statusz", "/flagz"}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		names = append(names, "/"+name)
	}
	slices.Sort(names)
	paths["statusz"] = zpages.Status(time.Now(), KubernetesVersion, names)
	paths["flagz"] = zpages.Flags(s.cfg.API.Values())
}
