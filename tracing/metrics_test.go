package tracing_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"minke/tracing"
)

// expect compares the tracer's metrics, named NAME or NAME/LABEL, with want.
func expect(t *testing.T, tracer *tracing.Tracer, want map[string]float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(tracer)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				if l.GetValue() != "" {
					name += "/" + l.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, n := range want {
		if have, ok := got[name]; !ok || have != n {
			t.Errorf("%s is %v (%v), want %v", name, have, ok, n)
		}
	}
}
