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
