package options

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"minke/apiserver/authn"
)

// Authentication says by what the server knows who asks, besides
// certificates of the cluster's own authority, tokens of service accounts and
// bootstrap tokens.
type Authentication struct {
	// ClientCA has further authorities of client certificates.
	ClientCA File `json:"clientCA,omitempty"`
	// Anonymous is "false" to refuse requests without credentials.
	Anonymous string `json:"anonymous,omitempty"`
	// Config holds an AuthenticationConfiguration.
	Config          File            `json:"config,omitempty"`
	Tokens          File            `json:"tokens,omitempty"`
	APIAudiences    []string        `json:"apiAudiences,omitempty"`
	RequestHeader   RequestHeader   `json:"requestHeader,omitzero"`
	OIDC            OIDC            `json:"oidc,omitzero"`
	Webhook         TokenWebhook    `json:"webhook,omitzero"`
	ServiceAccounts ServiceAccounts `json:"serviceAccounts,omitzero"`
}

// RequestHeader names a front proxy that is trusted to say who asks.
type RequestHeader struct {
	CA           File               `json:"ca,omitempty"`
	AllowedNames []string           `json:"allowedNames,omitempty"`
	Headers      authn.ProxyHeaders `json:"headers,omitzero"`
}

// TokenWebhook names a server that knows tokens.
type TokenWebhook struct {
	// Kubeconfig says where it is.
	Kubeconfig File   `json:"kubeconfig,omitempty"`
	Version    string `json:"version,omitempty"`
	// CacheTTL is how long its answers are kept; zero means two minutes.
	CacheTTL time.Duration `json:"cacheTTL,omitempty"`
}

// ServiceAccounts are about the tokens of service accounts.
type ServiceAccounts struct {
	// Issuers name the issuer; new tokens get the first.
	Issuers    []string `json:"issuers,omitempty"`
	KeyFiles   Files    `json:"keyFiles,omitempty"`
	SigningKey File     `json:"signingKey,omitempty"`
	JWKSURI    string   `json:"jwksURI,omitempty"`
	// MaxExpiration cuts the lives of tokens.
	MaxExpiration time.Duration `json:"maxExpiration,omitempty"`
	// NoExtension ends tokens of pods when they say so.
	NoExtension bool `json:"noExtension,omitempty"`
}

func (o *Authentication) addFlags(flags *pflag.FlagSet) {
	flags.Var(&o.ClientCA, "client-ca-file", "`file` with further authorities whose client certificates are accepted")
	flags.StringVar(&o.Anonymous, "anonymous-auth", "", "whether requests without credentials are let through as system:anonymous (default true)")
	flags.Lookup("anonymous-auth").NoOptDefVal = "true"
	flags.Var(&o.Config, "authentication-config", "`file` with an AuthenticationConfiguration (apiserver.config.k8s.io/v1); its changes are followed")
	flags.Var(&o.Tokens, "token-auth-file", "`file` with static tokens, lines of token,user,uid,\"group,group\"")
	flags.StringSliceVar(&o.APIAudiences, "api-audiences", nil, "what tokens for this server are meant for (default the service account issuers)")

	h := &o.RequestHeader
	flags.Var(&h.CA, "requestheader-client-ca-file", "`file` with the authorities of front proxies that say in headers who asks")
	flags.StringSliceVar(&h.AllowedNames, "requestheader-allowed-names", nil, "common names of front proxies; any when empty")
	flags.StringSliceVar(&h.Headers.User, "requestheader-username-headers", nil, "headers that name the user, such as X-Remote-User")
	flags.StringSliceVar(&h.Headers.UID, "requestheader-uid-headers", nil, "headers that name the user's uid, such as X-Remote-Uid")
	flags.StringSliceVar(&h.Headers.Group, "requestheader-group-headers", nil, "headers that name groups, such as X-Remote-Group")
	flags.StringSliceVar(&h.Headers.Extra, "requestheader-extra-headers-prefix", nil, "prefixes of headers with more about the user, such as X-Remote-Extra-")

	flags.Var(&o.Webhook.Kubeconfig, "authentication-token-webhook-config-file", "kubeconfig `file` of a server that reviews tokens")
	flags.StringVar(&o.Webhook.Version, "authentication-token-webhook-version", "", "version of the TokenReviews it is sent, v1 or v1beta1 (default v1beta1)")
	flags.DurationVar(&o.Webhook.CacheTTL, "authentication-token-webhook-cache-ttl", 0, "how long its answers are kept (default 2m)")

	s := &o.ServiceAccounts
	flags.StringSliceVar(&s.Issuers, "service-account-issuer", nil, "name of the issuer of service account tokens; of several the first is for new ones")
	flags.Var(&s.KeyFiles, "service-account-key-file", "`file` with further keys that verify service account tokens; may be given again")
	flags.Var(&s.SigningKey, "service-account-signing-key-file", "`file` with the private key that signs service account tokens")
	flags.StringVar(&s.JWKSURI, "service-account-jwks-uri", "", "where others find the keys of service account tokens")
	flags.DurationVar(&s.MaxExpiration, "service-account-max-token-expiration", 0, "how long a service account token lives at most")
	flags.Var((*negated)(&s.NoExtension), "service-account-extend-token-expiration", "whether pods' tokens are good for a year, with a note after an hour")
	flags.Lookup("service-account-extend-token-expiration").NoOptDefVal = "true"
	o.OIDC.addFlags(flags)
}

// Check refuses what cannot be together.
func (o *Authentication) Check() error {
	var errs []error
	if o.Anonymous != "" && o.Anonymous != "true" && o.Anonymous != "false" {
		errs = append(errs, fmt.Errorf("--anonymous-auth: %q is neither true nor false", o.Anonymous))
	}
	if o.Config != "" && !o.OIDC.IsZero() {
		errs = append(errs, errors.New("authentication-config file and oidc-* flags are mutually exclusive"))
	}
	h := o.RequestHeader
	if h.CA == "" && (len(h.AllowedNames) > 0 || len(h.Headers.User) > 0) {
		errs = append(errs, errors.New("--requestheader-* flags need --requestheader-client-ca-file"))
	}
	for _, name := range append(append([]string{}, h.Headers.User...), h.Headers.Group...) {
		if strings.TrimSpace(name) == "" {
			errs = append(errs, errors.New("--requestheader-*-headers: a name is empty"))
		}
	}
	if life := o.ServiceAccounts.MaxExpiration; life != 0 && (life < time.Hour || life > 1<<32*time.Second) {
		errs = append(errs, errors.New("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds"))
	}
	return errors.Join(errs...)
}

// issuerURL is the iss of service account tokens, as kubeadm sets it.
const issuerURL = "https://kubernetes.default.svc.cluster.local"

// IssuerNames names the issuer of service account tokens, the current name first.
func (o *ServiceAccounts) IssuerNames() []string {
	if len(o.Issuers) > 0 {
		return o.Issuers
	}
	return []string{issuerURL}
}

// KeysURI is where others find the keys of tokens.
func (o *ServiceAccounts) KeysURI() string {
	if o.JWKSURI != "" {
		return o.JWKSURI
	}
	return strings.TrimSuffix(o.IssuerNames()[0], "/") + authn.KeysPath
}

// ReviewVersion is the version of the TokenReviews that are sent.
func (o *TokenWebhook) ReviewVersion() string {
	if o.Version == "" {
		return "v1beta1"
	}
	return o.Version
}

// Life is how long answers are kept.
func (o *TokenWebhook) Life() time.Duration {
	if o.CacheTTL == 0 {
		return 2 * time.Minute
	}
	return o.CacheTTL
}
