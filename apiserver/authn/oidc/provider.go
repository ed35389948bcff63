package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"minke/apiserver/egress"
)

// Bounds of asking an issuer.
const (
	// fetchTime is for one question.
	fetchTime = 15 * time.Second
	// fetchPause is between two questions, whoever may ask: tokens with keys
	// that nobody knows are no way to flood an issuer.
	fetchPause = 10 * time.Second
	// maxDocument is of one answer, in bytes.
	maxDocument = 1 << 20
)

type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// newClient trusts ca (PEM), or what the host trusts when it is empty.
func newClient(ca string, dial egress.Dial) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.MaxIdleConnsPerHost = 1
	if dial != nil {
		transport.DialContext = dial
	}
	if ca != "" {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("no certificate in it")
		}
	}
	return &http.Client{Transport: transport, Timeout: fetchTime}, nil
}

// provider knows an issuer's keys (OpenID Connect Discovery 1.0). They are
// fetched when a token names a key that is not known.
type provider struct {
	issuer string
	// discovery is where the issuer's configuration is, when not below itself.
	discovery string
	client    doer
	now       func() time.Time

	flight singleflight.Group

	mu sync.Mutex // guards what follows
	// keysURL is empty until the configuration was read.
	keysURL string
	known   []jose.JSONWebKey
	asked   time.Time
	failed  error
}

// keys returns those that may have signed a token which names id; anew asks the
// issuer even if some are known.
func (p *provider) keys(ctx context.Context, id string, anew bool) ([]jose.JSONWebKey, error) {
	found := p.find(id)
	if len(found) > 0 && !anew {
		return found, nil
	}
	wait := p.flight.DoChan("", func() (any, error) { return nil, p.refresh() })
	select {
	case <-wait:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if found = p.find(id); len(found) > 0 {
		return found, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return nil, p.failed
	}
	return nil, fmt.Errorf("the issuer has no key %q", id)
}

// find returns the keys of that name, all for none.
func (p *provider) find(id string) (found []jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.known {
		if (id == "" || k.KeyID == id) && (k.Use == "" || k.Use == "sig") && k.IsPublic() {
			found = append(found, k)
		}
	}
	return found
}

// refresh asks the issuer, unless it was asked just before.
func (p *provider) refresh() error {
	p.mu.Lock()
	keysURL, early := p.keysURL, !p.asked.IsZero() && p.now().Sub(p.asked) < fetchPause
	if !early {
		p.asked = p.now()
	}
	p.mu.Unlock()
	if early {
		return nil
	}
	// Whoever waits may give up; others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	set, keysURL, err := p.fetch(ctx, keysURL)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = err
	if err == nil {
		p.known, p.keysURL = set.Keys, keysURL
	}
	return err
}

func (p *provider) fetch(ctx context.Context, keysURL string) (set jose.JSONWebKeySet, at string, err error) {
	if keysURL == "" {
		if keysURL, err = p.discover(ctx); err != nil {
			return set, "", err
		}
	}
	if err := get(ctx, p.client, keysURL, "", &set); err != nil {
		return set, "", fmt.Errorf("get keys: %w", err)
	}
	return set, keysURL, nil
}

// discover reads where the keys are.
func (p *provider) discover(ctx context.Context) (string, error) {
	url := p.discovery
	if url == "" {
		url = strings.TrimSuffix(p.issuer, "/") + "/.well-known/openid-configuration"
	}
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := get(ctx, p.client, url, "", &document); err != nil {
		return "", fmt.Errorf("discover issuer: %w", err)
	}
	if document.Issuer != p.issuer {
		return "", fmt.Errorf("discover issuer: %s says it is %q", url, document.Issuer)
	}
	if document.Keys == "" {
		return "", fmt.Errorf("discover issuer: %s names no jwks_uri", url)
	}
	return document.Keys, nil
}

// get reads a JSON document; a *string takes the answer as it is.
func get(ctx context.Context, client doer, url, token string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	switch {
	case err != nil:
		return fmt.Errorf("get %s: %w", url, err)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("get %s: %s", url, answer.Status)
	case len(data) > maxDocument:
		return fmt.Errorf("get %s: the answer is longer than %d bytes", url, maxDocument)
	}
	if text, ok := into.(*string); ok {
		*text = string(data)
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	return nil
}
