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
			stop := runTracer(tracer)
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

func TestKubeletTracing(t *testing.T) {
	collector := tracingtest.New(t)
	const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
	for _, c := range []struct{ name, config, refused string }{
		{"every step", head + "tracing: {endpoint: '" + collector.Endpoint + "', samplingRatePerMillion: 1000000}\n", ""},
		{"nothing", head, ""},
		{"too many", head + "tracing: {samplingRatePerMillion: 1000001}\n", "must be less than or equal to one million"},
		{"what is not there", head + "maxPods: 7\n", `only tracing can be set: error unmarshaling JSON: while decoding JSON: json: unknown field "maxPods"`},
		{"another kind", "apiVersion: v1\nkind: Pod\n", `it is a "Pod" of version "v1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracer, err := kubeletTracer(write(t, "kubelet", c.config), "n1", slog.Default())
			if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Fatalf("got %v, want %q", err, c.refused)
			}
			if (tracer == nil) != (c.name != "every step") {
				t.Fatalf("the tracer is %v", tracer)
			}
			if tracer == nil {
				return
			}
			stop := runTracer(tracer)
			tracer.Begin(c.name, tracing.String("k", "v")).End()
			if err := stop(); err != nil {
				t.Error(err)
			}
			span := collector.One(t, c.name)
			if span.Resource["service.name"] != "kubelet" || span.Resource["host.name"] != "n1" || len(span.Resource) != 2 || span.Attr("k") != "v" || span.Parent() != "" {
				t.Errorf("the resource is %v, the span %v", span.Resource, span)
			}
		})
	}
	if _, err := kubeletTracer("/none", "n1", slog.Default()); err == nil {
		t.Error("a file that is not there was accepted")
	}
}
