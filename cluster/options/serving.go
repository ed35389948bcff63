package options

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	cliflag "k8s.io/component-base/cli/flag"
)

// Serving says how the API is served. Zero values mean the defaults.
type Serving struct {
	// RequestTimeout bounds the time of a short request.
	RequestTimeout time.Duration `json:"requestTimeout,omitempty"`
	// MinRequestTimeout is the shortest time in seconds that a watch lasts when
	// its client does not say.
	MinRequestTimeout int `json:"minRequestTimeout,omitempty"`
	// NodePorts is the range that node ports come from.
	NodePorts portRange `json:"nodePorts,omitempty"`

	NoHTTP2      bool     `json:"noHTTP2,omitempty"`
	MinTLS       string   `json:"minTLS,omitempty"`
	CipherSuites []string `json:"cipherSuites,omitempty"`
	Curves       []int32  `json:"curves,omitempty"`
	// Certificates are shown to whoever asks for one of their names.
	Certificates namedCertificates `json:"certificates,omitempty"`

	// NoProfiling leaves /debug/pprof/ out; Contention has it tell of waiting for
	// locks.
	NoProfiling bool `json:"noProfiling,omitempty"`
	Contention  bool `json:"contention,omitempty"`
}

func (o *Serving) addFlags(flags *pflag.FlagSet) {
	flags.DurationVar(&o.RequestTimeout, "request-timeout", 0, "how long a request may take that is no watch or stream (default 1m0s)")
	flags.IntVar(&o.MinRequestTimeout, "min-request-timeout", 0, "how many seconds a watch lasts at least whose client does not say (default 1800)")
	flags.Var(&o.NodePorts, "service-node-port-range", "ports that Services get on nodes, as FIRST-LAST (default 30000-32767)")
	flags.BoolVar(&o.NoHTTP2, "disable-http2-serving", false, "serve HTTP/1.1 alone")
	flags.StringVar(&o.MinTLS, "tls-min-version", "", "lowest version of TLS that is served, VersionTLS12 or VersionTLS13 (default VersionTLS12)")
	flags.StringSliceVar(&o.CipherSuites, "tls-cipher-suites", nil, "cipher suites of TLS 1.2 that are served, by their names in Go (default Go's)")
	flags.Int32SliceVar(&o.Curves, "tls-curve-preferences", nil, "key exchanges of TLS that are served, by their numbers (default Go's)")
	flags.Var(&o.Certificates, "tls-sni-cert-key", "`files` of a certificate and its key, as CERT,KEY or CERT,KEY:NAME,NAME, that are shown to clients that ask for one of its names, *.NAME for all below; may be given again")
	flags.VarPF((*negated)(&o.NoProfiling), "profiling", "", "serve profiles at /debug/pprof/").NoOptDefVal = "true"
	flags.BoolVar(&o.Contention, "contention-profiling", false, "profile how long is waited for locks and channels")
}

// Check refuses what makes no sense.
func (o *Serving) Check() error {
	if o.RequestTimeout < 0 {
		return fmt.Errorf("--request-timeout can not be negative value")
	}
	if o.MinRequestTimeout < 0 {
		return fmt.Errorf("--min-request-timeout can not be negative value")
	}
	return nil
}

// Apply sets what the flags say about TLS.
func (o *Serving) Apply(config *tls.Config) error {
	if o.NoHTTP2 {
		config.NextProtos = []string{"http/1.1"}
	}
	if o.MinTLS != "" {
		version, err := cliflag.TLSVersion(o.MinTLS)
		if err != nil {
			return fmt.Errorf("--tls-min-version: %w", err)
		}
		config.MinVersion = version
	}
	if len(o.CipherSuites) > 0 {
		suites, err := cliflag.TLSCipherSuites(o.CipherSuites)
		if err != nil {
			return fmt.Errorf("--tls-cipher-suites: %w", err)
		}
		config.CipherSuites = suites
	}
	if len(o.Curves) > 0 {
		curves, err := cliflag.TLSCurvePreferences(o.Curves)
		if err != nil {
			return fmt.Errorf("--tls-curve-preferences: %w", err)
		}
		config.CurvePreferences = curves
	}
	return o.Certificates.apply(config)
}

// portRange is FIRST-LAST or FIRST+MORE, as kube-apiserver takes it.
type portRange string

// Set implements pflag.Value.
func (p *portRange) Set(text string) error {
	var r utilnet.PortRange
	if err := r.Set(text); err != nil {
		return err
	}
	if r.Base <= 0 || r.Size <= 0 {
		return fmt.Errorf("%q is not a range of ports", text)
	}
	*p = portRange(text)
	return nil
}

// String implements pflag.Value.
func (p *portRange) String() string { return string(*p) }

// Type implements pflag.Value.
func (p *portRange) Type() string { return "ports" }

// Range returns the first port and how many there are; zero for the default.
func (p portRange) Range() (first, size int32, err error) {
	if p == "" {
		return 0, 0, nil
	}
	r, err := utilnet.ParsePortRange(string(p))
	if err != nil {
		return 0, 0, fmt.Errorf("--service-node-port-range: %w", err)
	}
	return int32(r.Base), int32(r.Size), nil
}
