package cluster

import (
	"net/http"
	"net/http/pprof"
	"runtime"
)

// paths are what the server answers besides resources: profiles of itself, for
// whoever may read /debug/pprof, and what others need to check its tokens
// (OpenID Connect Discovery 1.0).
func (s *Server) paths() (map[string]http.Handler, error) {
	debug := http.NewServeMux()
	if !s.cfg.API.Serving.NoProfiling {
		debug.HandleFunc("/debug/pprof/", pprof.Index)
		debug.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		debug.HandleFunc("/debug/pprof/profile", pprof.Profile)
		debug.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		debug.HandleFunc("/debug/pprof/trace", pprof.Trace)
		if s.cfg.API.Serving.Contention {
			runtime.SetBlockProfileRate(1)
		}
	}
	s.flowPages(debug)
	issuer, err := s.security.issuer.Handler(s.cfg.API.Authentication.ServiceAccounts.KeysURI())
	if err != nil {
		return nil, err
	}
	all := map[string]http.Handler{"debug": debug, ".well-known": issuer, "openid": issuer}
	if s.cfg.API.Aggregation.Logs {
		all["logs"] = logs(logDir)
	}
	s.zpages(all)
	return all, nil
}
