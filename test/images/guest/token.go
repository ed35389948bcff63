package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

// algorithms a service account token may be signed with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// verifyToken verifies the pod's token as a stranger would, who knows only the
// issuer's name: by the issuer's discovery document and the keys that it names
// (OpenID Connect Discovery 1.0). It returns the subject.
func verifyToken() (string, error) {
	raw, err := os.ReadFile(account + "token")
	if err != nil {
		return "", err
	}
	bearer := strings.TrimSpace(string(raw))
	client, err := issuerClient()
	if err != nil {
		return "", err
	}
	token, err := jwt.ParseSigned(bearer, algorithms)
	if err != nil {
		return "", err
	}
	var claimed jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claimed); err != nil {
		return "", err
	}
	var document struct {
		Issuer     string   `json:"issuer"`
		KeysURI    string   `json:"jwks_uri"`
		Types      []string `json:"response_types_supported"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := get(client, claimed.Issuer+"/.well-known/openid-configuration", bearer, &document); err != nil {
		return "", err
	}
	if document.Issuer != claimed.Issuer || len(document.Types) == 0 || len(document.Algorithms) == 0 {
		return "", fmt.Errorf("the document of %s is %+v", claimed.Issuer, document)
	}
	var keys jose.JSONWebKeySet
	if err := get(client, document.KeysURI, bearer, &keys); err != nil {
		return "", err
	}
	var claims jwt.Claims
	if err := token.Claims(&keys, &claims); err != nil {
		return "", fmt.Errorf("no published key has signed it: %w", err)
	}
	if err := claims.Validate(jwt.Expected{Issuer: document.Issuer, Time: time.Now()}); err != nil {
		return "", err
	}
	if len(claims.Audience) == 0 {
		return "", errors.New("it is for nobody")
	}
	return claims.Subject, nil
}

// issuerClient trusts the cluster's certificates, and nobody else's.
func issuerClient() (*http.Client, error) {
	ca, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
}

func get(client *http.Client, url, bearer string, into any) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s: %s", url, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	return nil
}
