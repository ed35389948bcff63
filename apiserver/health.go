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
// /healthz also that it can serve. Their names are those of kube-apiserver.
func (c *call) checks(path string) []check {
	well := func(context.Context) error { return nil }
	all := []check{{"ping", well}, {"log", well}}
	add := func(more map[string]func(context.Context) error) {
		for _, name := range slices.Sorted(maps.Keys(more)) {
			all = append(all, check{name, more[name]})
		}
	}
	if _, own := c.cfg.Live["etcd"]; !own {
		all = append(all, check{"etcd", c.storeAnswers})
	}
	add(c.cfg.Live)
	if path == "livez" {
		return all
	}
	if _, own := c.cfg.Ready["etcd-readiness"]; !own {
		all = append(all, check{"etcd-readiness", c.storeAnswers})
	}
	add(c.cfg.Ready)
	return append(all, check{"shutdown", func(context.Context) error { return c.cfg.Context.Err() }})
}

func (c *call) storeAnswers(ctx context.Context) error {
	_, _, err := c.cfg.Store.Get(ctx, "/registry/health")
	return err
}

// health serves /healthz, /livez and /readyz, with ?verbose and ?exclude, and
// each sub-check under its own path.
func (c *call) health() error {
	path, one, _ := strings.Cut(strings.Trim(c.info.Path, "/"), "/")
	query := c.r.URL.Query()
	exclude := query["exclude"]
	var report strings.Builder
	failed, found := false, one == ""
	for _, ch := range c.checks(path) {
		if one != "" && ch.name != one {
			continue
		}
		found = true
		if slices.Contains(exclude, ch.name) {
			exclude = slices.DeleteFunc(slices.Clone(exclude), func(name string) bool { return name == ch.name })
			fmt.Fprintf(&report, "[+]%s excluded: ok\n", ch.name)
			continue
		}
		err := c.runCheck(ch)
		c.metrics.health.observe(path, ch.name, err == nil)
		if err != nil {
			failed = true
			c.log.Warn("health check failed", "check", ch.name, "error", err)
			fmt.Fprintf(&report, "[-]%s failed: reason withheld\n", ch.name)
			continue
		}
		fmt.Fprintf(&report, "[+]%s ok\n", ch.name)
	}
	if !found {
		return c.noPage()
	}
	if len(exclude) > 0 {
		fmt.Fprintf(&report, "warn: some health checks cannot be excluded: no matches for %s\n", quoted(exclude))
	}
	c.writeHealth(path, report.String(), failed, request.Flag(query, "verbose"))
	return nil
}

// maxQuoted bounds how much of what a client said is said back.
const maxQuoted = 256

func quoted(names []string) string {
	text := fmt.Sprintf("%q", names)
	text = strings.ReplaceAll(strings.Trim(text, "[]"), `" "`, `","`)
	return text[:min(len(text), maxQuoted)]
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
