package options

import "github.com/spf13/pflag"

// Aggregation has the flags about API servers behind this one, and about
// paths besides the API.
type Aggregation struct {
	// Endpoints leads to a Service's endpoints rather than to its cluster IP.
	Endpoints bool `json:"enableAggregatorRouting,omitempty"`
	// Logs serves the files beneath /var/log.
	Logs bool `json:"enableLogsHandler,omitempty"`
}

func (o *Aggregation) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.Endpoints, "enable-aggregator-routing", false, "lead requests for aggregated API servers to an endpoint of their Service rather than to its cluster IP")
	flags.BoolVar(&o.Logs, "enable-logs-handler", false, "serve the files beneath /var/log at /logs/ (deprecated in Kubernetes)")
}
