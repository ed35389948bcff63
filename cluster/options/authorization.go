package options

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"

	"minke/apiserver/authz"
	"minke/cluster/configfile"
)

// Authorization says by what the server decides who may do what.
type Authorization struct {
	// Modes are asked in their order; nil means Node and RBAC.
	Modes []string `json:"modes,omitempty"`
	// Config holds an AuthorizationConfiguration, in place of all the others.
	Config File `json:"config,omitempty"`
	// Policy is the file of ABAC's policies.
	Policy     File          `json:"policy,omitempty"`
	Kubeconfig File          `json:"kubeconfig,omitempty"`
	Version    string        `json:"version,omitempty"`
	AllowTTL   time.Duration `json:"allowTTL,omitempty"`
	DenyTTL    time.Duration `json:"denyTTL,omitempty"`
}

func (o *Authorization) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.Modes, "authorization-mode", nil, "authorizers in the order in which they are asked: "+
		"AlwaysAllow, AlwaysDeny, ABAC, Webhook, Node, RBAC (default Node,RBAC)")
	flags.Var(&o.Config, "authorization-config", "`file` with an AuthorizationConfiguration (apiserver.config.k8s.io/v1); its changes are followed")
	flags.Var(&o.Policy, "authorization-policy-file", "`file` with a policy of abac.authorization.kubernetes.io/v1beta1 on each line, for ABAC")
	flags.Var(&o.Kubeconfig, "authorization-webhook-config-file", "kubeconfig `file` of a server that reviews access, for the mode Webhook")
	flags.StringVar(&o.Version, "authorization-webhook-version", "", "version of the SubjectAccessReviews it is sent, v1 or v1beta1 (default v1beta1)")
	flags.DurationVar(&o.AllowTTL, "authorization-webhook-cache-authorized-ttl", 0, "how long it is kept that it allowed (default 5m)")
	flags.DurationVar(&o.DenyTTL, "authorization-webhook-cache-unauthorized-ttl", 0, "how long it is kept that it did not allow (default 30s)")
}

var (
	authorizerTypes = sets.New("AlwaysAllow", "AlwaysDeny", "ABAC", "Webhook", "Node", "RBAC")
	manyTimes       = sets.New("Webhook")
)

// Configuration returns what flags and file say; content is that of the file.
func (o *Authorization) Configuration() (config *apiserver.AuthorizationConfiguration, content []byte, err error) {
	if o.Config == "" {
		config, err = o.byFlags()
		return config, nil, err
	}
	if len(o.Modes) > 0 || o.Kubeconfig != "" || o.Version != "" || o.AllowTTL != 0 || o.DenyTTL != 0 {
		return nil, nil, errors.New("--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined")
	}
	if content, err = os.ReadFile(string(o.Config)); err != nil {
		return nil, nil, fmt.Errorf("--authorization-config: %w", err)
	}
	config, err = ReadAuthorization(content)
	return config, content, err
}

// Policies reads the policies of ABAC.
func (o *Authorization) Policies() (authz.ABAC, error) {
	if o.Policy == "" {
		return nil, errors.New("authorizer type ABAC needs --authorization-policy-file")
	}
	file, err := os.Open(string(o.Policy))
	if err != nil {
		return nil, fmt.Errorf("--authorization-policy-file: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	policies, unversioned, err := authz.ReadABAC(file)
	if err != nil {
		return nil, fmt.Errorf("--authorization-policy-file: read %s: %w", o.Policy, err)
	}
	if unversioned > 0 {
		slog.Default().With("part", "authz").Warn("policy file has lines without apiVersion and kind", "file", string(o.Policy), "lines", unversioned)
	}
	return policies, nil
}

// ReadAuthorization reads an AuthorizationConfiguration and checks it.
func ReadAuthorization(content []byte) (*apiserver.AuthorizationConfiguration, error) {
	config, err := configfile.Authorization(content)
	if err != nil {
		return nil, fmt.Errorf("--authorization-config: %w", err)
	}
	if errs := validation.ValidateAuthorizationConfiguration(authorizationcel.NewDefaultCompiler(), nil, config, authorizerTypes, manyTimes); len(errs) > 0 {
		return nil, fmt.Errorf("--authorization-config: %w", errs.ToAggregate())
	}
	for _, one := range config.Authorizers {
		if want := strings.ToLower(string(one.Type)); one.Type != apiserver.TypeWebhook && one.Name != want {
			return nil, fmt.Errorf("--authorization-config: expected name %s for authorizer %s instead of %s", want, one.Type, one.Name)
		}
	}
	return config, nil
}

func (o *Authorization) byFlags() (*apiserver.AuthorizationConfiguration, error) {
	modes := o.Modes
	if len(modes) == 0 {
		modes = []string{"Node", "RBAC"}
	}
	out := &apiserver.AuthorizationConfiguration{}
	for n, mode := range modes {
		if !authorizerTypes.Has(mode) {
			return nil, fmt.Errorf("authorization-mode %q is not a valid mode: want some of %v", mode, sets.List(authorizerTypes))
		}
		if slices.Contains(modes[:n], mode) {
			return nil, fmt.Errorf("authorization-mode %q has mode specified more than once", modes)
		}
		one := apiserver.AuthorizerConfiguration{Type: apiserver.AuthorizerType(mode), Name: strings.ToLower(mode)}
		if mode == "ABAC" && o.Policy == "" {
			return nil, errors.New("authorization-mode ABAC's authorization policy file not passed")
		}
		if mode == "Webhook" {
			if one.Webhook = o.webhook(); one.Webhook == nil {
				return nil, errors.New("authorization-mode Webhook's authorization config file not passed")
			}
		}
		out.Authorizers = append(out.Authorizers, one)
	}
	if o.Policy != "" && !slices.Contains(modes, "ABAC") {
		return nil, errors.New("cannot specify --authorization-policy-file without mode ABAC")
	}
	if o.Kubeconfig != "" && !slices.Contains(modes, "Webhook") {
		return nil, errors.New("cannot specify --authorization-webhook-config-file without mode Webhook")
	}
	return out, nil
}

// webhook says in a configuration what the flags say; nil when they do not say
// where it is.
func (o *Authorization) webhook() *apiserver.WebhookConfiguration {
	if o.Kubeconfig == "" {
		return nil
	}
	or := func(v, otherwise time.Duration) metav1.Duration {
		if v == 0 {
			v = otherwise
		}
		return metav1.Duration{Duration: v}
	}
	version, file := o.Version, string(o.Kubeconfig)
	if version == "" {
		version = "v1beta1"
	}
	return &apiserver.WebhookConfiguration{
		AuthorizedTTL: or(o.AllowTTL, 5*time.Minute), CacheAuthorizedRequests: true,
		UnauthorizedTTL: or(o.DenyTTL, 30*time.Second), CacheUnauthorizedRequests: true,
		Timeout: metav1.Duration{Duration: 30 * time.Second}, FailurePolicy: apiserver.FailurePolicyNoOpinion,
		SubjectAccessReviewVersion: version,
		ConnectionInfo:             apiserver.WebhookConnectionInfo{Type: apiserver.AuthorizationWebhookConnectionInfoTypeKubeConfigFile, KubeConfigFile: &file},
	}
}
