package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// Issuer signs tokens of service accounts (RFC 7519, KEP-1205) and verifies
// them.
type Issuer struct {
	url    string
	signer jose.Signer
	keys   []jose.JSONWebKey
	now    func() time.Time
}

// NewIssuer returns an issuer whose tokens name url as theirs. The first key
// signs; tokens signed by any of them are valid. Keys are *rsa.PrivateKey
// (RS256) or *ecdsa.PrivateKey (ES256, ES384, ES512 by curve).
func NewIssuer(url string, keys ...crypto.Signer) (*Issuer, error) {
	i := &Issuer{url: url, now: time.Now}
	for n, key := range keys {
		algorithm, err := algorithmOf(key)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return nil, fmt.Errorf("encode public key %d of issuer %s: %w", n, url, err)
		}
		sum := sha256.Sum256(der)
		id := base64.RawURLEncoding.EncodeToString(sum[:])
		i.keys = append(i.keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: string(algorithm), Use: "sig"})
		if n > 0 {
			continue
		}
		signing := jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}
		if i.signer, err = jose.NewSigner(signing, nil); err != nil {
			return nil, fmt.Errorf("make signer of issuer %s: %w", url, err)
		}
	}
	if i.signer == nil {
		return nil, fmt.Errorf("make issuer %s: no key was given", url)
	}
	return i, nil
}

// URL names the issuer.
func (i *Issuer) URL() string { return i.url }

func algorithmOf(key crypto.Signer) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return jose.RS256, nil
	case *ecdsa.PrivateKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		case 521:
			return jose.ES512, nil
		}
	}
	return "", fmt.Errorf("use %T as a signing key: want RSA or ECDSA on P-256, P-384 or P-521", key)
}

// private is the part of the claims that is Kubernetes' own.
type private struct {
	// Audience is a list here even of one, as Kubernetes writes it and its
	// clients read it; the library's own claim would be a plain text then.
	Audience   []string   `json:"aud,omitempty"`
	Kubernetes kubernetes `json:"kubernetes.io,omitempty"`
}

type kubernetes struct {
	Namespace      string           `json:"namespace,omitempty"`
	ServiceAccount reference        `json:"serviceaccount,omitempty"`
	Pod            *reference       `json:"pod,omitempty"`
	Secret         *reference       `json:"secret,omitempty"`
	Node           *reference       `json:"node,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type reference struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid"`
}

// Bound is what a token is bound to: it is valid only while that exists. At
// most one of Pod, Secret and Node is set, but a token bound to a pod also
// names the pod's Node.
type Bound struct {
	Pod    *corev1.Pod
	Secret *corev1.Secret
	Node   *corev1.Node
}

// Issued is a token with the time when it ends.
type Issued struct {
	Token   string
	Expires time.Time
}

// Issue signs a token of account for audiences that is valid for lifetime.
func (i *Issuer) Issue(account *corev1.ServiceAccount, to Bound, audiences []string, lifetime time.Duration) (Issued, error) {
	now := i.now().Truncate(time.Second)
	expires := now.Add(lifetime)
	public := jwt.Claims{
		Issuer: i.url, Subject: accountName(account.Namespace, account.Name),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
		ID: string(uuid.NewUUID()),
	}
	own := private{Audience: audiences, Kubernetes: kubernetes{Namespace: account.Namespace, ServiceAccount: reference{account.Name, account.UID}}}
	if to.Pod != nil {
		own.Kubernetes.Pod = &reference{to.Pod.Name, to.Pod.UID}
	}
	if to.Secret != nil {
		own.Kubernetes.Secret = &reference{to.Secret.Name, to.Secret.UID}
	}
	if to.Node != nil {
		own.Kubernetes.Node = &reference{to.Node.Name, to.Node.UID}
	}
	token, err := jwt.Signed(i.signer).Claims(public).Claims(own).Serialize()
	if err != nil {
		return Issued{}, fmt.Errorf("sign token of service account %s/%s: %w", account.Namespace, account.Name, err)
	}
	return Issued{Token: token, Expires: expires}, nil
}

// NewKey makes a key for signing.
func NewKey() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
