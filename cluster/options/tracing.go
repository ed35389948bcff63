package options

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"minke/apiserver/egress"
	"minke/cluster/configfile"
	"minke/tracing"
)

// Tracing says which requests are traced, and where to.
type Tracing struct {
	// ConfigFile holds a TracingConfiguration.
	ConfigFile File `json:"configFile,omitempty"`
}

func (o *Tracing) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ConfigFile, "tracing-config-file", "`file` with a TracingConfiguration (apiserver.config.k8s.io/v1), which says which requests are traced and where an OpenTelemetry collector is")
}

// Tracer returns nil when nothing is traced: then nothing is paid. The name is
// this server's, dial the way to the collector, nil for the usual one.
func (o *Tracing) Tracer(name string, dial egress.Dial, log *slog.Logger) (*tracing.Tracer, error) {
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
	c := tracing.Config{Service: "apiserver", Instance: name, Dial: dial.To(), Log: log}
	if config.Endpoint != nil {
		c.Endpoint = *config.Endpoint
	}
	if config.SamplingRatePerMillion != nil {
		c.SamplingRatePerMillion = *config.SamplingRatePerMillion
	}
	if c.Environment, err = tracing.ReadEnvironment(os.Getenv); err != nil {
		return nil, err
	}
	t, err := tracing.New(c)
	if err != nil {
		return nil, fmt.Errorf("--tracing-config-file: %s: %w", o.ConfigFile, err)
	}
	return t, nil
}
