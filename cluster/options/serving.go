package options

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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

// namedCertificates are CERT,KEY and CERT,KEY:NAME,NAME.
type namedCertificates []string

// Set implements pflag.Value. Files are made absolute, as File says.
func (c *namedCertificates) Set(text string) error {
	var one cliflag.NamedCertKey
	if err := one.Set(text); err != nil {
		return err
	}
	for _, file := range []*string{&one.CertFile, &one.KeyFile} {
		path, err := filepath.Abs(*file)
		if err != nil {
			return fmt.Errorf("find %s: %w", *file, err)
		}
		*file = path
	}
	*c = append(*c, one.String())
	return nil
}

// String implements pflag.Value.
func (c *namedCertificates) String() string { return strings.Join(*c, ";") }

// Type implements pflag.Value.
func (c *namedCertificates) Type() string { return "files" }

// apply lets clients have the certificates of the names that they ask for.
func (c namedCertificates) apply(config *tls.Config) error {
	if len(c) == 0 {
		return nil
	}
	byName := map[string]*renewed{}
	for _, text := range c {
		var one cliflag.NamedCertKey
		if err := one.Set(text); err != nil {
			return fmt.Errorf("--tls-sni-cert-key: %w", err)
		}
		r := &renewed{certFile: one.CertFile, keyFile: one.KeyFile}
		pair, err := r.get()
		if err != nil {
			return fmt.Errorf("--tls-sni-cert-key: %w", err)
		}
		names := one.Names
		if len(names) == 0 {
			names = append([]string{pair.Leaf.Subject.CommonName}, pair.Leaf.DNSNames...)
		}
		for _, name := range names {
			// The one that was given first has the name.
			if name = strings.ToLower(name); byName[name] == nil {
				byName[name] = r
			}
		}
	}
	// Without a certificate crypto/tls falls back on those of the config.
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(hello.ServerName)
		if name == "" {
			return nil, nil
		}
		r := byName[name]
		if r == nil {
			if _, rest, ok := strings.Cut(name, "."); ok {
				r = byName["*."+rest]
			}
		}
		if r == nil {
			return nil, nil
		}
		return r.get()
	}
	return nil
}

// renewed is a certificate in files that are written anew now and then.
type renewed struct {
	certFile, keyFile string

	mu   sync.Mutex
	pair *tls.Certificate
	// seen is what the files were like when they were last read, next when they
	// are looked at again.
	seen string
	next time.Time
}

// renewPause is how long a change of the files may go unnoticed; Kubernetes looks
// as often.
const renewPause = time.Minute

// get returns the certificate. A pair that cannot be read leaves the one before.
func (r *renewed) get() (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pair != nil && time.Now().Before(r.next) {
		return r.pair, nil
	}
	r.next = time.Now().Add(renewPause)
	seen, err := r.look()
	if err == nil && (r.pair == nil || seen != r.seen) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(r.certFile, r.keyFile); err == nil {
			r.pair, r.seen = &pair, seen
		}
	}
	if err != nil && r.pair != nil {
		slog.Warn("certificate cannot be read; the one before is shown", "part", "server", "file", r.certFile, "err", err)
		return r.pair, nil
	}
	return r.pair, err
}

// look tells one state of the files from another.
func (r *renewed) look() (string, error) {
	var all strings.Builder
	for _, file := range []string{r.certFile, r.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		all.WriteString(info.ModTime().String() + " " + strconv.FormatInt(info.Size(), 10) + "\n")
	}
	return all.String(), nil
}
