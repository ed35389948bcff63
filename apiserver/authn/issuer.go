package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"minke/apiserver/recent"
)

// Issuer signs tokens of service accounts (RFC 7519, KEP-1205) and verifies
// them.
type Issuer struct {
	// urls are the names by which tokens may know their issuer; new ones get
	// the first.
	urls   []string
	signer jose.Signer
	keys   []jose.JSONWebKey
	now    func() time.Time
	// verified are the claims of tokens whose signature was found good, by the
	// token's hash, until they expire: a client sends many requests, and a
	// signature check costs more than most of them. What a token is bound to is
	// looked up at each use all the same.
	verified *recent.Cache[[sha256.Size]byte, claims]
}

// claims are what a token says, which nobody changes.
type claims struct {
	public jwt.Claims
	own    private
}

// maxVerifiedTokens bounds the memory of verified tokens, some KiB each.
const maxVerifiedTokens = 1024

// NewIssuer returns an issuer whose tokens name the first of urls as theirs and
// are signed by signer: an *rsa.PrivateKey (RS256) or *ecdsa.PrivateKey (ES256,
// ES384, ES512 by curve). Tokens of each of urls, signed by it or the private
// key of one of others, are valid.
func NewIssuer(urls []string, signer crypto.Signer, others ...crypto.PublicKey) (*Issuer, error) {
	if len(urls) == 0 || signer == nil {
		return nil, errors.New("make issuer: it needs a URL and a key")
	}
	i := &Issuer{urls: urls, now: time.Now}
	i.verified = recent.New[[sha256.Size]byte, claims](maxVerifiedTokens, func() time.Time { return i.now() })
	for n, key := range append([]crypto.PublicKey{signer.Public()}, others...) {
		public, err := publicKey(key)
		if err != nil {
			return nil, fmt.Errorf("use public key %d of issuer %s: %w", n, urls[0], err)
		}
		if !slices.ContainsFunc(i.keys, func(k jose.JSONWebKey) bool { return k.KeyID == public.KeyID }) {
			i.keys = append(i.keys, public)
		}
	}
	first := i.keys[0]
	signing := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(first.Algorithm), Key: jose.JSONWebKey{Key: signer, KeyID: first.KeyID}}
	var err error
	if i.signer, err = jose.NewSigner(signing, nil); err != nil {
		return nil, fmt.Errorf("make signer of issuer %s: %w", urls[0], err)
	}
	return i, nil
}

// publicKey names a key as Kubernetes does: by the digest of its encoding.
func publicKey(key crypto.PublicKey) (jose.JSONWebKey, error) {
	algorithm, err := algorithmOf(key)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	sum := sha256.Sum256(der)
	return jose.JSONWebKey{Key: key, KeyID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: string(algorithm), Use: "sig"}, nil
}

// URL names the issuer.
func (i *Issuer) URL() string { return i.urls[0] }

// Keys names the keys whose tokens are believed; the first signs.
func (i *Issuer) Keys() []string {
	names := make([]string, len(i.keys))
	for n, key := range i.keys {
		names[n] = key.KeyID
	}
	return names
}

func algorithmOf(key crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
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
	Name string    `json:"name,omitempty"`
	UID  types.UID `json:"uid,omitempty"`
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
	// ID is the token's jti, by which audit events name it.
	ID string
}

// Life is how long a token is to be good for.
type Life struct {
	Valid time.Duration
	// Fresh, when set, is how long the client is told that the token is good
	// for; used after it, it is still valid and that is recorded (KEP-1205).
	Fresh time.Duration
}

// Issue signs a token of account for audiences.
func (i *Issuer) Issue(account *corev1.ServiceAccount, to Bound, audiences []string, life Life) (Issued, error) {
	now := i.now().Truncate(time.Second)
	expires := now.Add(life.Valid)
	public := jwt.Claims{
		Issuer: i.urls[0], Subject: accountName(account.Namespace, account.Name),
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
	if life.Fresh > 0 {
		expires = now.Add(life.Fresh)
		own.Kubernetes.WarnAfter = jwt.NewNumericDate(expires)
	}
	token, err := jwt.Signed(i.signer).Claims(public).Claims(own).Serialize()
	if err != nil {
		return Issued{}, fmt.Errorf("sign token of service account %s/%s: %w", account.Namespace, account.Name, err)
	}
	return Issued{Token: token, Expires: expires, ID: public.ID}, nil
}

// NewKey makes a key for signing.
func NewKey() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
