package resourcequota

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// Configuration is what --admission-control-config-file says
// (apiserver.config.k8s.io/v1 ResourceQuotaConfiguration).
type Configuration struct {
	Kind             string            `json:"kind"`
	APIVersion       string            `json:"apiVersion"`
	LimitedResources []LimitedResource `json:"limitedResources"`
}

// LimitedResource is used only where a quota covers its use.
type LimitedResource struct {
	APIGroup string `json:"apiGroup,omitempty"`
	Resource string `json:"resource"`
	// MatchContains are parts of the names that a quota must limit when they are
	// used; MatchScopes are scopes for which there must be a quota.
	MatchContains []string                                   `json:"matchContains,omitempty"`
	MatchScopes   []corev1.ScopedResourceSelectorRequirement `json:"matchScopes,omitempty"`
}

// kinds are the configuration's names, old ones too.
var kinds = map[string]string{
	"apiserver.config.k8s.io/v1":              "ResourceQuotaConfiguration",
	"resourcequota.admission.k8s.io/v1beta1":  "Configuration",
	"resourcequota.admission.k8s.io/v1alpha1": "Configuration",
}

// New returns the plug-in; config may be empty.
func New(reader Reader, updater Updater, config []byte) (*Plugin, error) {
	p := &Plugin{Reader: reader, Updater: updater}
	if len(config) == 0 {
		return p, nil
	}
	var c Configuration
	if err := yaml.UnmarshalStrict(config, &c); err != nil {
		return nil, fmt.Errorf("configuration of ResourceQuota: %w", err)
	}
	if kind, ok := kinds[c.APIVersion]; !ok || kind != c.Kind {
		return nil, fmt.Errorf("configuration of ResourceQuota: no kind %q is registered for version %q", c.Kind, c.APIVersion)
	}
	var errs field.ErrorList
	for i, l := range c.LimitedResources {
		if l.Resource == "" {
			errs = append(errs, field.Required(field.NewPath("limitedResources").Index(i).Child("resource"), ""))
		}
	}
	if err := errs.ToAggregate(); err != nil {
		return nil, fmt.Errorf("configuration of ResourceQuota: %w", err)
	}
	p.Limited = c.LimitedResources
	return p, nil
}
