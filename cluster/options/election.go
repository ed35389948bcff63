package options

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"minke/client/leaderelection"
)

// Election says how several servers on one etcd agree on who runs the
// controllers and the scheduler.
type Election struct {
	// Elect is nil for the default: only with an external etcd.
	Elect *bool `json:"leaderElect,omitempty"`
	// Zero values are those of leaderelection.DefaultTiming.
	LeaseDuration time.Duration `json:"leaseDuration,omitempty"`
	RenewDeadline time.Duration `json:"renewDeadline,omitempty"`
	RetryPeriod   time.Duration `json:"retryPeriod,omitempty"`
	// ResourceNamespace is where the Leases are; empty means kube-system.
	ResourceNamespace string `json:"resourceNamespace,omitempty"`
	// Names are those of the Leases by those that they have by default.
	Names map[string]string `json:"resourceNames,omitempty"`
}

// ControllerManager and Scheduler are what is elected, and the Leases' names by
// default.
const (
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
)

func (o *Election) addFlags(flags *pflag.FlagSet) {
	flags.BoolFunc("leader-elect", "run controllers and scheduler only while this server holds their Leases in kube-system (default: true with an external etcd, false without)", func(text string) error {
		elect, err := strconv.ParseBool(text)
		o.Elect = &elect
		return err
	})
	flags.DurationVar(&o.LeaseDuration, "leader-elect-lease-duration", 0, "after how long without a renewal another server takes over (default 15s)")
	flags.DurationVar(&o.RenewDeadline, "leader-elect-renew-deadline", 0, "after how long without a renewal a leader stops (default 10s)")
	flags.DurationVar(&o.RetryPeriod, "leader-elect-retry-period", 0, "how often a leader renews, and another server tries to take over (default 2s)")
	flags.StringVar(&o.ResourceNamespace, "leader-elect-resource-namespace", "", "namespace of the Leases (default kube-system)")
	flags.StringToStringVar(&o.Names, "leader-elect-resource-name", nil, "names of the Leases, as kube-controller-manager=NAME,kube-scheduler=NAME (default those of the components)")
	flags.Func("leader-elect-resource-lock", "kind of the objects that are held; only leases", func(text string) error {
		if text != "leases" {
			return fmt.Errorf("only leases are supported, not %q", text)
		}
		return nil
	})
}

// checkNames refuses names of Leases that are not elected, and one name for both.
func (o *Election) checkNames() error {
	for component, name := range o.Names {
		if component != ControllerManager && component != Scheduler {
			return fmt.Errorf("--leader-elect-resource-name: %q is neither %s nor %s", component, ControllerManager, Scheduler)
		}
		if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
			return fmt.Errorf("--leader-elect-resource-name: %q: %s", name, faults[0])
		}
	}
	if o.LeaseName(ControllerManager) == o.LeaseName(Scheduler) {
		return fmt.Errorf("--leader-elect-resource-name: %s and %s must have Leases of their own", ControllerManager, Scheduler)
	}
	return nil
}

// LeaseName is the name of the Lease by which a component is elected.
func (o *Election) LeaseName(component string) string {
	return cmp.Or(o.Names[component], component)
}

// Namespace is where the Leases are.
func (o *Election) Namespace() string {
	return cmp.Or(o.ResourceNamespace, metav1.NamespaceSystem)
}

// Timing returns how fast leadership changes hands, or what is wrong with it.
func (o *Election) Timing() (leaderelection.Timing, error) {
	t := leaderelection.DefaultTiming
	for _, set := range []struct {
		to   *time.Duration
		from time.Duration
	}{{&t.LeaseDuration, o.LeaseDuration}, {&t.RenewDeadline, o.RenewDeadline}, {&t.RetryPeriod, o.RetryPeriod}} {
		if set.from != 0 {
			*set.to = set.from
		}
	}
	return t, t.Check()
}

// Elects tells whether controllers and scheduler are elected.
func (o *API) Elects() bool {
	if o.Election.Elect != nil {
		return *o.Election.Elect
	}
	return o.Datastore.External()
}
