package authz

import (
	"context"
	"strings"

	"minke/api/inprocess"
)

// ForSigner tells whether user has the verb (approve, sign or attest) on a
// signer of certificates, or on all signers of its domain.
func ForSigner(ctx context.Context, by Authorizer, user *inprocess.User, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		if allowed, _ := by.Allows(ctx, user, Attributes{
			Verb: verb, Group: "certificates.k8s.io", Version: "*", Resource: "signers", Name: name,
		}); allowed {
			return true
		}
	}
	return false
}
