package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// authorize answers a challenge with an Authorization header; empty when we
// have nothing to answer with.
func (r *Repository) authorize(ctx context.Context, challenges []string) (string, error) {
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(c, " ")
		switch strings.ToLower(scheme) {
		case "bearer":
			return r.token(ctx, parameters(rest))
		case "basic":
			if r.creds.Username != "" {
				return r.basic(), nil
			}
		}
	}
	return "", nil
}

func (r *Repository) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(r.creds.Username+":"+r.creds.Password))
}

// parameters reads key="value",key="value".
func parameters(text string) map[string]string {
	out := map[string]string{}
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		value := ""
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
			rest = strings.TrimLeft(rest, ", ")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		out[strings.ToLower(strings.TrimSpace(key))] = value
		text = rest
	}
	return out
}

// token asks the registry's token service, over a connection no worse than the
// registry's own.
func (r *Repository) token(ctx context.Context, p map[string]string) (string, error) {
	realm, err := url.Parse(p["realm"])
	if err != nil || realm.Host == "" {
		return "", fmt.Errorf("token service %q: not a URL", p["realm"])
	}
	if realm.Scheme != "https" && strings.HasPrefix(r.base, "https") {
		return "", fmt.Errorf("token service %s: an https registry must not send credentials over %s", realm.Host, realm.Scheme)
	}
	scope := p["scope"]
	if scope == "" {
		scope = "repository:" + r.name + ":pull"
	}
	req, err := r.tokenRequest(ctx, realm, p["service"], scope)
	if err != nil {
		return "", err
	}
	resp, err := r.client.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", refusal(resp)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return "", fmt.Errorf("token service %s: %w", realm.Host, err)
	}
	if answer.Token == "" {
		answer.Token = answer.AccessToken
	}
	if answer.Token == "" {
		return "", fmt.Errorf("token service %s: the answer has no token", realm.Host)
	}
	return "Bearer " + answer.Token, nil
}

func (r *Repository) tokenRequest(ctx context.Context, realm *url.URL, service, scope string) (*http.Request, error) {
	if r.creds.IdentityToken != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.creds.IdentityToken}, "service": {service}, "scope": {scope}, "client_id": {"minke"}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, realm.String(), strings.NewReader(form.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	}
	q := realm.Query()
	if service != "" {
		q.Set("service", service)
	}
	q.Set("scope", scope)
	realm.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, realm.String(), nil)
	if err == nil && r.creds.Username != "" {
		req.Header.Set("Authorization", r.basic())
	}
	return req, err
}
