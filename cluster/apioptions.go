package cluster

import (
	"reflect"

	"github.com/spf13/pflag"

	"minke/apiserver"
)

// APIOptions are the flags of the API server, named as kube-apiserver names
// them. `minke server` and `minke up` share them; a local cluster remembers
// those of its last start. Zero values mean the defaults.
type APIOptions struct {
	// Reads and Writes bound the short requests that are served at a time.
	Reads  int `json:"maxRequestsInflight,omitempty"`
	Writes int `json:"maxMutatingRequestsInflight,omitempty"`

	served
	Authentication AuthenticationOptions `json:"authentication,omitzero"`
	Authorization  AuthorizationOptions  `json:"authorization,omitzero"`
	Admission      AdmissionOptions      `json:"admission,omitzero"`
	Fairness       FairnessOptions       `json:"fairness,omitzero"`
	Datastore      DatastoreOptions      `json:"datastore,omitzero"`
	Audit          AuditOptions          `json:"audit,omitzero"`
	Aggregation    AggregationOptions    `json:"aggregation,omitzero"`
	Encryption     EncryptionOptions     `json:"encryption,omitzero"`
	Tracing        TracingOptions        `json:"tracing,omitzero"`
	Election       ElectionOptions       `json:"election,omitzero"`
}

// AddFlags offers the options as flags.
func (o *APIOptions) AddFlags(flags *pflag.FlagSet) {
	flags.IntVar(&o.Reads, "max-requests-inflight", 0, "how many reading requests are served at a time (default 400)")
	flags.IntVar(&o.Writes, "max-mutating-requests-inflight", 0, "how many writing requests are served at a time (default 200)")
	o.served.addFlags(flags)
	o.Authentication.addFlags(flags)
	o.Authorization.addFlags(flags)
	o.Admission.addFlags(flags)
	o.Fairness.addFlags(flags)
	o.Aggregation.addFlags(flags)
	o.Datastore.addFlags(flags)
	o.Audit.addFlags(flags)
	o.Encryption.addFlags(flags)
	o.Tracing.addFlags(flags)
	o.Election.addFlags(flags)
}

// IsZero tells that nothing but defaults is asked for.
func (o *APIOptions) IsZero() bool { return reflect.ValueOf(o).Elem().IsZero() }

func (o *APIOptions) limits() apiserver.Limits {
	return apiserver.Limits{Reads: o.Reads, Writes: o.Writes}
}
