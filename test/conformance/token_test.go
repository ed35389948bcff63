//go:build conformance

package conformance

import (
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// algorithms a service account token may be signed with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

func decodeClaims(t *T, token string) object {
	t.Helper()
	signed, err := jose.ParseSigned(strings.TrimSpace(token), algorithms)
	if err != nil {
		t.Fatal(err)
	}
	var claims object
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// verifyToken wants the token signed by one of the keys.
func verifyToken(t *T, token, keys string) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(keys), &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSigned(strings.TrimSpace(token), algorithms)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(set); err != nil {
		t.Fatalf("the published keys did not sign the token: %v", err)
	}
}
