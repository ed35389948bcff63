package policy_test

import (
	"context"
	"strings"
	"testing"

	"minke/api"
	"minke/api/inprocess"
	"minke/apiserver/admission/policy"
	"minke/apiserver/authz"
)

// reader may get ConfigMaps, or one of them, and nothing else.
type reader struct{ all bool }

func (r reader) Allows(_ context.Context, _ *inprocess.User, a authz.Attributes) (bool, string) {
	return a.Verb == "get" && a.Group == "" && a.Resource == "configmaps" && (r.all || a.Name == "limits" && a.Namespace == "shop"), ""
}

// Nobody reads through a policy what he may not read himself.
func TestReference(t *testing.T) {
	withParams := head(validatingKind, "p") + "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  validations: [{expression: 'true'}]"
	named := binding(validatingKind, "p", ", validationActions: [Deny], paramRef: {name: limits, namespace: shop, parameterNotFoundAction: Deny}")
	selected := binding(validatingKind, "p", ", validationActions: [Deny], paramRef: {selector: {}, parameterNotFoundAction: Deny}")
	for name, tt := range map[string]struct {
		object, old string
		by          reader
		want        string
	}{
		"of a kind":              {withParams, "", reader{}, `spec.paramKind: Forbidden: user &{jane  [devs] map[]} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)`},
		"of a kind, allowed":     {withParams, "", reader{all: true}, ""},
		"of a kind as before":    {withParams, withParams, reader{}, ""},
		"of another kind":        {strings.Replace(withParams, "ConfigMap", "Secret", 1), withParams, reader{all: true}, "kind=Secret"},
		"of an unknown kind":     {strings.Replace(withParams, "apiVersion: v1, kind: ConfigMap", "apiVersion: example.com/v1, kind: Limit", 1), "", reader{all: true}, "kind=Limit"},
		"of none":                {head(validatingKind, "p") + "  validations: [{expression: 'true'}]", "", reader{}, ""},
		"to one":                 {named, "", reader{}, ""},
		"to another":             {strings.Replace(named, "limits", "others", 1), "", reader{}, `spec.paramRef: Forbidden: user &{jane  [devs] map[]} does not have "get" permission on the object referenced by paramRef`},
		"to those selected":      {selected, "", reader{all: true}, `"list" permission`},
		"as before":              {selected, selected, reader{}, ""},
		"through unknown policy": {strings.Replace(named, "policyName: p", "policyName: q", 1), "", reader{all: true}, `"get" permission`},
		"to a mutating policy":   {head(mutatingKind, "m") + "  paramKind: {apiVersion: v1, kind: Secret}\n" + apply("Object{}"), "", reader{}, "kind=Secret"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withParams)
			var old api.Object
			if tt.old != "" {
				_, old = w.read(t, tt.old)
			}
			a, _ := w.write(t, tt.object, old)
			err := policy.Reference{Config: policy.Config{Reader: w, Authorizer: tt.by}}.Validate(t.Context(), a)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
