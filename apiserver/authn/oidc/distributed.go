package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
)

// maxOthers bounds of how many other issuers the keys are kept.
const maxOthers = 16

// others are the issuers that vouch for claims kept elsewhere.
type others struct {
	mu       sync.Mutex
	byIssuer map[string]*provider
}

// expand gets the claim from where the token says it is kept, if it is not in
// the token (OpenID Connect Core 1.0, section 5.6.2).
func (i *issuer) expand(ctx context.Context, c claims, name string) error {
	names, elsewhere := c["_claim_names"]
	if _, ok := c[name]; ok || !elsewhere {
		return nil
	}
	var sourceOf map[string]string
	if err := json.Unmarshal(names, &sourceOf); err != nil {
		return fmt.Errorf("parse _claim_names: %w", err)
	}
	source, ok := sourceOf[name]
	if !ok {
		return nil
	}
	var sources map[string]struct {
		Endpoint    string `json:"endpoint"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(c["_claim_sources"], &sources); err != nil {
		return fmt.Errorf("parse _claim_sources: %w", err)
	}
	at, ok := sources[source]
	if !ok {
		return fmt.Errorf("_claim_names has a source %q that _claim_sources lacks", source)
	}
	if at.Endpoint == "" {
		// An aggregated claim, which Kubernetes does not take.
		return nil
	}
	var token string
	if err := get(ctx, i.client, at.Endpoint, at.AccessToken, &token); err != nil {
		return err
	}
	from := issuerOf(token)
	if from == "" {
		return fmt.Errorf("%s gave no token", at.Endpoint)
	}
	theirs, err := verify(ctx, i.other(from), token, i.algorithms, i.config.Issuer.Audiences)
	if err != nil {
		return fmt.Errorf("verify token of %s: %w", from, err)
	}
	value, ok := theirs[name]
	if !ok {
		return fmt.Errorf("the token of %s has no such claim", at.Endpoint)
	}
	c[name] = value
	return nil
}

// other returns the provider of another issuer.
func (i *issuer) other(url string) *provider {
	if url == i.config.Issuer.URL {
		return i.provider
	}
	i.others.mu.Lock()
	defer i.others.mu.Unlock()
	if p := i.others.byIssuer[url]; p != nil {
		return p
	}
	if i.others.byIssuer == nil || len(i.others.byIssuer) >= maxOthers {
		i.others.byIssuer = map[string]*provider{}
	}
	p := &provider{issuer: url, client: i.client, now: i.now}
	i.others.byIssuer[url] = p
	return p
}
