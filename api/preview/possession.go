package preview

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
)

var errNoProof = errors.New("could not verify proof-of-possession signature")

// provesPossession fails unless signature is text signed with the private half
// of the key (KEP 4317): RSA by PSS, ECDSA in ASN.1, both over SHA-256, or
// Ed25519.
func provesPossession(key, text, signature []byte) error {
	public, err := x509.ParsePKIXPublicKey(key)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(text)
	switch public := public.(type) {
	case *rsa.PublicKey:
		if rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, nil) != nil {
			return errNoProof
		}
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, digest[:], signature) {
			return errNoProof
		}
	case ed25519.PublicKey:
		if !ed25519.Verify(public, text, signature) {
			return errNoProof
		}
	default:
		return errors.New("unknown public key type; supported types are Ed25519, ECDSA, and RSA")
	}
	return nil
}
