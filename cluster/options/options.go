// Package options has the flags of the API server: what they are called, what they
// say when nobody sets them, what they refuse, and the parts that they ask for on
// their own, such as the datastore or the auditor. It knows nothing of the server
// that is made of them: which parts there are and who is given which is for package
// cluster.
package options

import (
	"errors"
	"reflect"
	"time"

	"github.com/spf13/pflag"

	"minke/apiserver"
	"minke/controllers/eventttl"
)

// API has the flags of the API server, named as kube-apiserver names
// them. `minke server` and `minke up` share them; a local cluster remembers
// those of its last start. Zero values mean the defaults.
type API struct {
	// Reads and Writes bound the short requests that are served at a time.
	Reads  int `json:"maxRequestsInflight,omitempty"`
	Writes int `json:"maxMutatingRequestsInflight,omitempty"`
	// EventTTL is for how long Events are kept, zero for ever; nil means an hour.
	EventTTL *time.Duration `json:"eventTTL,omitempty"`

	served
	Authentication Authentication `json:"authentication,omitzero"`
	Authorization  Authorization  `json:"authorization,omitzero"`
	Admission      Admission      `json:"admission,omitzero"`
	Fairness       Fairness       `json:"fairness,omitzero"`
	Datastore      Datastore      `json:"datastore,omitzero"`
	Audit          Audit          `json:"audit,omitzero"`
	Aggregation    Aggregation    `json:"aggregation,omitzero"`
	Egress         Egress         `json:"egress,omitzero"`
	Encryption     Encryption     `json:"encryption,omitzero"`
	Tracing        Tracing        `json:"tracing,omitzero"`
	Election       Election       `json:"election,omitzero"`
	Serving        Serving        `json:"serving,omitzero"`
	Controllers    Controllers    `json:"controllers,omitzero"`
}

// AddFlags offers the options as flags.
func (o *API) AddFlags(flags *pflag.FlagSet) {
	flags.IntVar(&o.Reads, "max-requests-inflight", 0, "how many reading requests are served at a time (default 400)")
	flags.IntVar(&o.Writes, "max-mutating-requests-inflight", 0, "how many writing requests are served at a time (default 200)")
	flags.Func("event-ttl", "how long Events are kept after their last write; 0 for ever (default 1h0m0s)", func(text string) error {
		d, err := time.ParseDuration(text)
		o.EventTTL = &d
		return err
	})
	o.served.addFlags(flags)
	o.Authentication.addFlags(flags)
	o.Authorization.addFlags(flags)
	o.Admission.addFlags(flags)
	o.Fairness.addFlags(flags)
	o.Aggregation.addFlags(flags)
	o.Datastore.addFlags(flags)
	o.Audit.addFlags(flags)
	o.Egress.addFlags(flags)
	o.Encryption.addFlags(flags)
	o.Tracing.addFlags(flags)
	o.Election.addFlags(flags)
	o.Serving.addFlags(flags)
	o.Controllers.addFlags(flags)
	addUnused(flags)
}

// IsZero tells that nothing but defaults is asked for.
func (o *API) IsZero() bool { return reflect.ValueOf(o).Elem().IsZero() }

// KeepEvents is for how long Events are kept; zero for ever.
func (o *API) KeepEvents() time.Duration {
	if o.EventTTL != nil {
		return *o.EventTTL
	}
	return eventttl.DefaultTTL
}

// Check refuses what cannot be, of what nothing else checks.
func (o *API) Check() error {
	_, err := o.Election.Timing()
	return errors.Join(err, o.Election.checkNames(), o.Serving.Check(), o.Controllers.Check())
}

// Limits are the bounds of requests that are set.
func (o *API) Limits() apiserver.Limits {
	return apiserver.Limits{Reads: o.Reads, Writes: o.Writes,
		Request: o.Serving.RequestTimeout, WatchMin: time.Duration(o.Serving.MinRequestTimeout) * time.Second}
}

// Values returns the flags with what they are set to. To offer flags sets them
// to their defaults, so that a copy offers them and then takes the values.
func (o *API) Values() map[string]string {
	var shown API
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	shown.AddFlags(flags)
	shown = *o
	out := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			out[f.Name] = f.Value.String()
		}
	})
	return out
}
