package apiserver

import (
	"net/http"
	"strings"
)

// dispatchPath serves what is not a resource.
func (c *call) dispatchPath() error {
	path := c.info.Path
	switch first, _, _ := strings.Cut(strings.Trim(path, "/"), "/"); first {
	case "healthz", "livez", "readyz":
		return c.health()
	case "version":
		return c.version()
	case "metrics":
		switch path {
		case "/metrics":
			c.metrics.ServeHTTP(c.w, c.r)
		case "/metrics/slis":
			c.metrics.slis.ServeHTTP(c.w, c.r)
		default:
			return c.noPage()
		}
		return nil
	case "openapi":
		return c.handOver(c.cfg.OpenAPI)
	case "", "api", "apis":
		return c.handOver(c.cfg.Discovery)
	case ".well-known", "openid":
		if c.r.Method != http.MethodGet {
			return noMethod()
		}
		return c.handOver(c.cfg.Paths[first])
	default:
		return c.handOver(c.cfg.Paths[first])
	}
}

// handOver lets another package's handler answer.
func (c *call) handOver(h http.Handler) error {
	if h == nil {
		return c.noPage()
	}
	h.ServeHTTP(c.writer(), c.r.WithContext(c.ctx))
	return nil
}
