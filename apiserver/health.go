package apiserver

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"minke/apiserver/request"
)

// check is one sub-check of health. A failing one answers only that it failed:
// why is for the log, since anybody may ask.
type check struct {
	name string
	run  func(context.Context) error
}

// checks returns what path is about: /livez that the server runs, /readyz and
// /healthz also that it can serve.
func (c *call) checks(path string) []check {
	all := []check{{"ping", func(context.Context) error { return nil }}}
	if path == "livez" {
		return all
	}
	all = append(all, check{"store", func(ctx context.Context) error {
		_, _, err := c.cfg.Store.Get(ctx, "/registry/health")
		return err
	}}, check{"shutdown", func(context.Context) error { return c.cfg.Context.Err() }})
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Ready)) {
		all = append(all, check{name, c.cfg.Ready[name]})
	}
	return all
}

// health serves /healthz, /livez and /readyz, with ?verbose and ?exclude, and
// each sub-check under its own path.
func (c *call) health() error {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource")
	}
	path, one, _ := strings.Cut(strings.Trim(c.info.Path, "/"), "/")
	query := c.r.URL.Query()
	var report strings.Builder
	failed, found := false, one == ""
	for _, ch := range c.checks(path) {
		if one != "" && ch.name != one {
			continue
		}
		found = true
		if slices.Contains(query["exclude"], ch.name) {
			fmt.Fprintf(&report, "[+]%s excluded: ok\n", ch.name)
			continue
		}
		if err := ch.run(c.ctx); err != nil {
			failed = true
			c.log.Warn("health check failed", "check", ch.name, "error", err)
			fmt.Fprintf(&report, "[-]%s failed: reason withheld\n", ch.name)
			continue
		}
		fmt.Fprintf(&report, "[+]%s ok\n", ch.name)
	}
	if !found {
		return noRoute()
	}
	c.writeHealth(path, report.String(), failed, request.Flag(query, "verbose"))
	return nil
}

func (c *call) writeHealth(path, report string, failed, verbose bool) {
	header := c.w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	switch {
	case failed:
		c.w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(c.w, "%s%s check failed\n", report, path)
	case verbose:
		_, _ = fmt.Fprintf(c.w, "%s%s check passed\n", report, path)
	default:
		_, _ = c.w.Write([]byte("ok"))
	}
}
