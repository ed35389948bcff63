package options

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"minke/cluster/configfile"
)

// Admission says which admission plug-ins run, and how.
type Admission struct {
	Enable  []string `json:"enable,omitempty"`
	Disable []string `json:"disable,omitempty"`
	// ConfigFile holds an AdmissionConfiguration.
	ConfigFile File `json:"configFile,omitempty"`
	// NotReadySeconds and UnreachableSeconds are for how long pods stay on such nodes
	// that do not say; nil means defaulttolerationseconds.DefaultSeconds.
	NotReadySeconds    *int64 `json:"notReadySeconds,omitempty"`
	UnreachableSeconds *int64 `json:"unreachableSeconds,omitempty"`
}

func (o *Admission) addFlags(flags *pflag.FlagSet) {
	const list = "; a list with commas, their order does not matter"
	flags.StringSliceVar(&o.Enable, "enable-admission-plugins", nil, "admission plug-ins to run besides those that run by default"+list)
	flags.StringSliceVar(&o.Disable, "disable-admission-plugins", nil, "admission plug-ins not to run though they would by default"+list)
	for name, to := range map[string]**int64{"not-ready": &o.NotReadySeconds, "unreachable": &o.UnreachableSeconds} {
		flags.Func("default-"+name+"-toleration-seconds", "for how long pods that do not say stay on nodes that are "+name+" (default 300)", func(text string) error {
			seconds, err := strconv.ParseInt(text, 10, 64)
			*to = &seconds
			return err
		})
	}
	flags.Var(&o.ConfigFile, "admission-control-config-file", "`file` with an AdmissionConfiguration (apiserver.config.k8s.io/v1)")
}

// Config returns the plug-ins' configurations by their names.
func (o *Admission) Config() (map[string][]byte, error) {
	if o.ConfigFile == "" {
		return nil, nil
	}
	config, err := configfile.Admission(string(o.ConfigFile))
	if err != nil {
		return nil, fmt.Errorf("--admission-control-config-file: %w", err)
	}
	return config, nil
}
