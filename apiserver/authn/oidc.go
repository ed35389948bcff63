package authn

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// The paths of the issuer's documents (OpenID Connect Discovery 1.0).
const (
	ConfigurationPath = "/.well-known/openid-configuration"
	KeysPath          = "/openid/v1/jwks"
)

// Handler serves ConfigurationPath and KeysPath, so that others can verify
// tokens of service accounts by themselves. keysURL is where they reach
// KeysPath; when empty it is below the issuer's URL.
func (i *Issuer) Handler(keysURL string) (http.Handler, error) {
	if keysURL == "" {
		keysURL = strings.TrimSuffix(i.urls[0], "/") + KeysPath
	}
	var signed []string
	for _, k := range i.keys {
		if !slices.Contains(signed, k.Algorithm) {
			signed = append(signed, k.Algorithm)
		}
	}
	configuration, err := json.Marshal(map[string]any{
		"issuer": i.urls[0], "jwks_uri": keysURL,
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": signed,
	})
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: i.keys})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		switch strings.TrimSuffix(r.URL.Path, "/") {
		case ConfigurationPath:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(configuration)
		case KeysPath:
			w.Header().Set("Content-Type", "application/jwk-set+json")
			_, _ = w.Write(keys)
		default:
			http.NotFound(w, r)
		}
	}), nil
}
