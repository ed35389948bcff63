package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"minke/cluster/configfile"
	"minke/tracing"
)

// TracingOptions say which requests are traced, and where to.
type TracingOptions struct {
	// ConfigFile holds a TracingConfiguration.
	ConfigFile File `json:"configFile,omitempty"`
}

func (o *TracingOptions) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ConfigFile, "tracing-config-file", "`file` with a TracingConfiguration (apiserver.config.k8s.io/v1), which says which requests are traced and where an OpenTelemetry collector is")
}

// tracer returns nil when nothing is traced: then nothing is paid. The name is
// this server's.
func (o *TracingOptions) tracer(name string, log *slog.Logger) (*tracing.Tracer, error) {
	if o.ConfigFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(string(o.ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("--tracing-config-file: %w", err)
	}
	config, err := configfile.Tracing(data)
	if err != nil {
		return nil, fmt.Errorf("--tracing-config-file: read %s: %w", o.ConfigFile, err)
	}
	c := tracing.Config{Service: "apiserver", Instance: name, Log: log}
	if config.Endpoint != nil {
		c.Endpoint = *config.Endpoint
	}
	if config.SamplingRatePerMillion != nil {
		c.SamplingRatePerMillion = *config.SamplingRatePerMillion
	}
	t, err := tracing.New(c)
	if err != nil {
		return nil, fmt.Errorf("--tracing-config-file: %s: %w", o.ConfigFile, err)
	}
	return t, nil
}

// runTracer sends spans until stop is called. That is after all else has ended, so
// that the last requests are among them.
func (s *Server) runTracer() (stop func() error) {
	if s.tracer == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.tracer.Run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}
