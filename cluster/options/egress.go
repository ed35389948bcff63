package options

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"minke/apiserver/egress"
	"minke/cluster/configfile"
)

// Egress says by which ways the server connects to others.
type Egress struct {
	// ConfigFile holds an EgressSelectorConfiguration.
	ConfigFile File `json:"configFile,omitempty"`
}

func (o *Egress) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ConfigFile, "egress-selector-config-file", "`file` with an EgressSelectorConfiguration (apiserver.k8s.io/v1beta1), which says by way of which proxies nodes, pods, webhooks and etcd are reached")
}

// Selector returns nil when everything is reached directly.
func (o *Egress) Selector() (*egress.Selector, error) {
	if o.ConfigFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(string(o.ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("--egress-selector-config-file: %w", err)
	}
	config, err := configfile.Egress(data)
	if err != nil {
		return nil, fmt.Errorf("--egress-selector-config-file: read %s: %w", o.ConfigFile, err)
	}
	s, err := egress.New(config)
	if err != nil {
		return nil, fmt.Errorf("--egress-selector-config-file: %s: %w", o.ConfigFile, err)
	}
	return s, nil
}
