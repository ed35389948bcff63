package cluster

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minke/cluster/options"
	"minke/tracing"
	"minke/tracing/tracingtest"
)

func TestTracingOptions(t *testing.T) {
	collector := tracingtest.New(t)
	for _, c := range []struct{ name, config, refused string }{
		{"every request", "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: " + collector.Endpoint + "\nsamplingRatePerMillion: 1000000\n", ""},
		{"an old version", "apiVersion: apiserver.config.k8s.io/v1alpha1\nkind: TracingConfiguration\nendpoint: " + collector.Endpoint + "\nsamplingRatePerMillion: 1000000\n", ""},
		{"too many", "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nsamplingRatePerMillion: 1000001\n", "must be less than or equal to one million"},
		{"no gRPC address", "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: http://localhost:4318\n", "unsupported scheme: http"},
		{"an unknown field", "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nrate: 1\n", `unknown field "rate"`},
		{"another kind", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n", "want a *apiserver.TracingConfiguration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tracing.yaml")
			if err := os.WriteFile(file, []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			o := options.Tracing{ConfigFile: options.File(file)}
			tracer, err := o.Tracer("apiserver-x", nil, slog.Default())
			if (err == nil) != (c.refused == "") || err != nil && (!strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "--tracing-config-file")) {
				t.Fatalf("got %v, want %q", err, c.refused)
			}
			if tracer == nil {
				return
			}
			s := &Server{tracer: tracer}
			stop := s.runTracer()
			tracer.Serve(tracing.Arrival{Name: c.name}).End()
			if err := stop(); err != nil {
				t.Error(err)
			}
			span := collector.One(t, c.name)
			if span.Resource["service.name"] != "apiserver" || span.Resource["service.instance.id"] != "apiserver-x" {
				t.Errorf("the resource is %v", span.Resource)
			}
		})
	}
	if tracer, err := new(options.Tracing).Tracer("", nil, slog.Default()); tracer != nil || err != nil {
		t.Errorf("without a file: %v, %v", tracer, err)
	}
	if _, err := (&options.Tracing{ConfigFile: "/none"}).Tracer("", nil, slog.Default()); err == nil {
		t.Error("a file that is not there was accepted")
	}
}
