package tracing_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"minke/tracing"
	"minke/tracing/tracingtest"
)

func environment(t *testing.T, pairs ...string) *tracing.Environment {
	t.Helper()
	e, err := tracing.ReadEnvironment(of(pairs))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func of(pairs []string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestEnvironment(t *testing.T) {
	const otlp, traces = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
	for _, c := range []struct {
		name  string
		pairs []string
		want  string // endpoint, headers, timeout, compression
		wrong string
	}{
		{"nothing", nil, " map[] 0s false", ""},
		{"all", []string{otlp + "ENDPOINT", "http://a:4317", otlp + "HEADERS", "Authorization=Bearer%20x, b = c ", otlp + "TIMEOUT", "1500", otlp + "COMPRESSION", "gzip"},
			"a:4317 map[authorization:Bearer x b:c] 1.5s true", ""},
		{"of traces alone", []string{otlp + "ENDPOINT", "http://a:4317", traces + "ENDPOINT", "https://b:1/x", otlp + "TIMEOUT", "1", traces + "TIMEOUT", "2", traces + "COMPRESSION", "none", otlp + "COMPRESSION", "gzip"},
			"b:1 map[] 2ms false", ""},
		{"a socket", []string{otlp + "ENDPOINT", "unix:///run/otlp.sock"}, "unix:///run/otlp.sock map[] 0s false", ""},
		{"no URL", []string{otlp + "ENDPOINT", "a:4317"}, " map[] 0s false", "is no URL"},
		{"no time", []string{otlp + "TIMEOUT", "10s"}, " map[] 0s false", "TIMEOUT"},
		{"no headers", []string{otlp + "HEADERS", "a,b c=d,e=%zz,=f,g=h"}, " map[g:h] 0s false", "HEADERS: want key=value"},
		{"no one's sampler and name", []string{"OTEL_SERVICE_NAME", "x", "OTEL_TRACES_SAMPLER", "always_on"}, " map[] 0s false", ""},
	} {
		e := environment(t, c.pairs...)
		headers := maps.Clone(e.Headers)
		if headers == nil {
			headers = map[string]string{}
		}
		if got := fmt.Sprint(e.Endpoint, " ", headers, " ", e.Timeout, " ", e.Gzip); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if all := strings.Join(e.Ignored, "\n"); (all == "") != (c.wrong == "") || !strings.Contains(all, c.wrong) || strings.Contains(all, "zz") {
			t.Errorf("%s: ignored are %q, want %q", c.name, all, c.wrong)
		}
	}
	for name, pairs := range map[string][]string{
		"no such file":         {otlp + "CERTIFICATE", "/none"},
		"holds no certificate": {otlp + "CERTIFICATE", os.DevNull},
		"CLIENT_KEY":           {otlp + "CLIENT_CERTIFICATE", "/none"},
	} {
		if _, err := tracing.ReadEnvironment(of(pairs)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

// TestByEnvironment: a collector gets what the environment says, and what the
// configuration says goes before that.
func TestByEnvironment(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := tracingtest.New(t)
	secured := tracingtest.Listen(t, "tcp", "127.0.0.1:0", grpc.Creds(credentials.NewServerTLSFromCert(&server.TLS.Certificates[0])))
	for _, c := range []struct {
		name     string
		to       *tracingtest.Collector
		endpoint string
		pairs    []string
	}{
		{"plain", plain, "", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://" + plain.Endpoint, "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}},
		{"secured", secured, "", []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://" + secured.Endpoint, "OTEL_EXPORTER_OTLP_CERTIFICATE", authority}},
		{"configured", plain, plain.Endpoint, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"}},
	} {
		var log bytes.Buffer
		tracer, err := tracing.New(tracing.Config{Endpoint: c.endpoint, Service: "apiserver", SamplingRatePerMillion: 1_000_000, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Environment: environment(t, append(c.pairs, "OTEL_EXPORTER_OTLP_HEADERS", "x-key="+c.name, "OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=a%20b,bad")...)})
		if err != nil {
			t.Fatal(err)
		}
		tracer.Begin(c.name).End()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cancel() // it sends what is left
		if err := tracer.Run(ctx); err != nil {
			t.Error(err)
		}
		span := c.to.One(t, c.name)
		if c.to.Header("x-key") != c.name || span.Resource["service.name"] != "apiserver" || span.Resource["team"] != "a b" || len(span.Resource) != 2 {
			t.Errorf("%s: header %q, resource %v", c.name, c.to.Header("x-key"), span.Resource)
		}
		if !strings.Contains(log.String(), "an environment variable of OpenTelemetry is ignored") {
			t.Errorf("%s: the log is %s", c.name, &log)
		}
	}
}
