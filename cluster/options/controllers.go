package options

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"minke/controllers"
	"minke/controllers/nodelifecycle"
)

// Controllers has the flags of kube-controller-manager that say what its
// controllers do. Zero values mean the defaults.
type Controllers struct {
	// Choice is which of them run.
	Choice controllers.Choice `json:"controllers,omitempty"`
	// TerminatedPods is how many pods that have ended are kept.
	TerminatedPods    *int          `json:"terminatedPodGCThreshold,omitempty"`
	NodeGracePeriod   time.Duration `json:"nodeMonitorGracePeriod,omitempty"`
	NodeStartupPeriod time.Duration `json:"nodeStartupGracePeriod,omitempty"`
	NodeEvictionRate  *float64      `json:"nodeEvictionRate,omitempty"`
	CertificateLife   time.Duration `json:"clusterSigningDuration,omitempty"`
}

func (o *Controllers) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar((*[]string)(&o.Choice), "controllers", nil, "controllers that run, by Kubernetes' names: * for all, NAME for one, -NAME for all but that one (default *)")
	flags.Func("terminated-pod-gc-threshold", "how many pods that have ended are kept; 0 for all (default 12500)", func(text string) error {
		n, err := strconv.Atoi(text)
		o.TerminatedPods = &n
		return err
	})
	flags.DurationVar(&o.NodeGracePeriod, "node-monitor-grace-period", 0, "how long a node may be silent before it is taken for unreachable (default 40s)")
	flags.DurationVar(&o.NodeStartupPeriod, "node-startup-grace-period", 0, "how long a new node may be silent (default 1m0s)")
	flags.Func("node-eviction-rate", "how many failed nodes a second begin to lose their pods (default 0.1)", func(text string) error {
		rate, err := strconv.ParseFloat(text, 32)
		o.NodeEvictionRate = &rate
		return err
	})
	flags.DurationVar(&o.CertificateLife, "cluster-signing-duration", 0, "how long a certificate holds at most that is signed for a CertificateSigningRequest (default 8760h0m0s)")
}

// Check refuses what makes no sense.
func (o *Controllers) Check() error {
	if err := o.Choice.Check(); err != nil {
		return fmt.Errorf("--controllers: %w", err)
	}
	for _, d := range []struct {
		flag string
		is   time.Duration
	}{
		{"node-monitor-grace-period", o.NodeGracePeriod}, {"node-startup-grace-period", o.NodeStartupPeriod},
		{"cluster-signing-duration", o.CertificateLife},
	} {
		if d.is < 0 {
			return fmt.Errorf("--%s must not be negative, is %v", d.flag, d.is)
		}
	}
	if o.NodeEvictionRate != nil && !(*o.NodeEvictionRate >= 0) {
		return fmt.Errorf("--node-eviction-rate must not be negative, is %v", *o.NodeEvictionRate)
	}
	return nil
}

// Nodes says how patient the controller of nodes is.
func (o *Controllers) Nodes() nodelifecycle.Options {
	return nodelifecycle.Options{GracePeriod: o.NodeGracePeriod, StartupGracePeriod: o.NodeStartupPeriod, EvictionRate: o.NodeEvictionRate}
}
