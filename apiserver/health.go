package apiserver

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"minke/apiserver/request"
)

// checkTime bounds one sub-check.
const checkTime = 2 * time.Second

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
	add := func(more map[string]func(context.Context) error) {
		for _, name := range slices.Sorted(maps.Keys(more)) {
			all = append(all, check{name, more[name]})
		}
	}
	add(c.cfg.Live)
	if path == "livez" {
		return all
	}
	all = append(all, check{"store", func(ctx context.Context) error {
		_, _, err := c.cfg.Store.Get(ctx, "/registry/health")
		return err
	}}, check{"shutdown", func(context.Context) error { return c.cfg.Context.Err() }})
	add(c.cfg.Ready)
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
		if err := c.runCheck(ch); err != nil {
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

func (c *call) runCheck(ch check) error {
	ctx, cancel := context.WithTimeout(c.ctx, checkTime)
	defer cancel()
	return ch.run(ctx)
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
