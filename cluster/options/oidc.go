package options

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/apis/apiserver"
)

// OIDC names one issuer of ID tokens; several are named by an
// AuthenticationConfiguration.
type OIDC struct {
	IssuerURL      string            `json:"issuerURL,omitempty"`
	ClientID       string            `json:"clientID,omitempty"`
	CA             File              `json:"ca,omitempty"`
	UsernameClaim  string            `json:"usernameClaim,omitempty"`
	UsernamePrefix string            `json:"usernamePrefix,omitempty"`
	GroupsClaim    string            `json:"groupsClaim,omitempty"`
	GroupsPrefix   string            `json:"groupsPrefix,omitempty"`
	RequiredClaims map[string]string `json:"requiredClaims,omitempty"`
	SigningAlgs    []string          `json:"signingAlgs,omitempty"`
}

func (o *OIDC) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.IssuerURL, "oidc-issuer-url", "", "URL of an OpenID issuer whose tokens are accepted")
	flags.StringVar(&o.ClientID, "oidc-client-id", "", "the audience that its tokens must have")
	flags.Var(&o.CA, "oidc-ca-file", "`file` with the authorities of its certificate")
	flags.StringVar(&o.UsernameClaim, "oidc-username-claim", "", "the claim that names the user (default sub)")
	flags.StringVar(&o.UsernamePrefix, "oidc-username-prefix", "", "what is put before user names; - for nothing (default ISSUER_URL#, but nothing for the claim email)")
	flags.StringVar(&o.GroupsClaim, "oidc-groups-claim", "", "the claim that names groups")
	flags.StringVar(&o.GroupsPrefix, "oidc-groups-prefix", "", "what is put before group names")
	flags.StringToStringVar(&o.RequiredClaims, "oidc-required-claim", nil, "a claim that tokens must have, as KEY=VALUE")
	flags.StringSliceVar(&o.SigningAlgs, "oidc-signing-algs", nil, "algorithms that may sign its tokens (default RS256)")
}

// IsZero tells that no issuer is named.
func (o *OIDC) IsZero() bool { return reflect.ValueOf(o).Elem().IsZero() }

// Configuration says in an AuthenticationConfiguration what the flags say.
func (o *OIDC) Configuration() (*apiserver.AuthenticationConfiguration, error) {
	if o.IssuerURL == "" || o.ClientID == "" {
		return nil, errors.New("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set")
	}
	jwt := apiserver.JWTAuthenticator{
		Issuer: apiserver.Issuer{URL: o.IssuerURL, Audiences: []string{o.ClientID}},
	}
	if o.CA != "" {
		pem, err := os.ReadFile(string(o.CA))
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
		jwt.Issuer.CertificateAuthority = string(pem)
	}
	claim, prefix := o.UsernameClaim, o.UsernamePrefix
	if claim == "" {
		claim = "sub"
	}
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && claim != "email":
		prefix = o.IssuerURL + "#"
	}
	jwt.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: claim, Prefix: &prefix}
	if o.GroupsClaim != "" {
		groups := o.GroupsPrefix
		jwt.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: o.GroupsClaim, Prefix: &groups}
	}
	for name, value := range o.RequiredClaims {
		jwt.ClaimValidationRules = append(jwt.ClaimValidationRules, apiserver.ClaimValidationRule{Claim: name, RequiredValue: value})
	}
	return &apiserver.AuthenticationConfiguration{JWT: []apiserver.JWTAuthenticator{jwt}}, nil
}
