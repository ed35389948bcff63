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

	cliflag "k8s.io/component-base/cli/flag"
)

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
