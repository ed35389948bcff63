package admissionregistration

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"minke/api/clientconfig"
)

// lenience is what a configuration of webhooks may go on doing because it did so
// before, as v1beta1 allowed. The zero value is none.
type lenience struct{ sideEffects, versions, names, selectors bool }

func lenienceTo(old []webhook) lenience {
	var kept lenience
	names := map[string]bool{}
	for _, w := range old {
		kept.sideEffects = kept.sideEffects || w.sideEffects == nil || !slices.Contains(noSideEffects, *w.sideEffects)
		kept.versions = kept.versions || len(w.versions) > 0 && !slices.ContainsFunc(w.versions, clientconfig.KnownReviewVersion)
		kept.names = kept.names || names[w.name]
		names[w.name] = true
		for _, s := range []*metav1.LabelSelector{w.namespaces, w.match} {
			kept.selectors = kept.selectors || len(metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, nil)) > 0
		}
	}
	return kept
}

var (
	noSideEffects = []admissionregistrationv1.SideEffectClass{admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun}
	sideEffects   = []admissionregistrationv1.SideEffectClass{admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun,
		admissionregistrationv1.SideEffectClassSome, admissionregistrationv1.SideEffectClassUnknown}
)

// validateSideEffects: a webhook that has some cannot be called for a dry run.
func validateSideEffects(given *admissionregistrationv1.SideEffectClass, some bool, at *field.Path) field.ErrorList {
	allowed := noSideEffects
	if some {
		allowed = sideEffects
	}
	switch {
	case given == nil:
		var names []string
		for _, a := range allowed {
			names = append(names, string(a))
		}
		return field.ErrorList{field.Required(at, "must specify one of "+strings.Join(names, ", "))}
	case !slices.Contains(allowed, *given):
		return field.ErrorList{field.NotSupported(at, *given, allowed)}
	}
	return nil
}

// staticSuffix ends the names of what comes from files (KEP-5793), and of nothing else.
const staticSuffix = ".static.k8s.io"

func notStatic(name string) field.ErrorList {
	if !strings.HasSuffix(name, staticSuffix) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), name,
		`names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API`)}
}
