package admissionregistration

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// unseen are the questions about who asks and who may. No webhook is called for
// them, or one that fails would lock everybody out.
var unseen = map[schema.GroupResource]bool{
	{Group: "authentication.k8s.io", Resource: "selfsubjectreviews"}:       true,
	{Group: "authentication.k8s.io", Resource: "tokenreviews"}:             true,
	{Group: "authorization.k8s.io", Resource: "localsubjectaccessreviews"}: true,
	{Group: "authorization.k8s.io", Resource: "selfsubjectaccessreviews"}:  true,
	{Group: "authorization.k8s.io", Resource: "selfsubjectrulesreviews"}:   true,
	{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}:      true,
}

func validatingWarnings(c, _ *admissionregistrationv1.ValidatingWebhookConfiguration) []string {
	return hookWarnings(validatingHooks(c))
}

func mutatingWarnings(c, _ *admissionregistrationv1.MutatingWebhookConfiguration) []string {
	return hookWarnings(mutatingHooks(c))
}

// hookWarnings tell of rules that name what no webhook sees; with a wildcard a
// rule may mean something else.
func hookWarnings(hooks []webhook) []string {
	var out []string
	for i, w := range hooks {
		for j, r := range w.rules {
			if slices.Contains(r.APIGroups, "*") || slices.Contains(r.APIVersions, "*") || slices.Contains(r.Resources, "*") {
				continue
			}
			told := map[schema.GroupResource]bool{}
			for _, group := range r.APIGroups {
				for _, name := range r.Resources {
					gr := schema.GroupResource{Group: group, Resource: name}
					if unseen[gr] && !told[gr] {
						told[gr] = true
						out = append(out, fmt.Sprintf("%s: %s is excluded from admission webhooks; this rule will have no effect",
							field.NewPath("webhooks").Index(i).Child("rules").Index(j), gr))
					}
				}
			}
		}
	}
	return out
}
