package customresource

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"minke/api"
	"minke/api/apiextensions"
)

type (
	definition = apiextensionsv1.CustomResourceDefinition
	condition  = apiextensionsv1.CustomResourceDefinitionCondition
)

// taken are the names that a group's other resources have.
type taken struct{ resources, kinds map[string]bool }

// takenBy returns the names that others have accepted in crd's group, and those
// of the built-in resources.
func takenBy(crd *definition, all []*definition, builtIn []*api.Resource) taken {
	t := taken{map[string]bool{}, map[string]bool{}}
	for _, r := range builtIn {
		also := slices.ContainsFunc(r.Also, func(v api.Version) bool { return v.Kind.Group == crd.Spec.Group })
		if r.Kind.Group == crd.Spec.Group || also {
			t.add(apiextensionsv1.CustomResourceDefinitionNames{Plural: r.Plural, Singular: r.Singular, ShortNames: r.ShortNames,
				Kind: r.Kind.Kind, ListKind: r.Kind.Kind + "List"})
		}
	}
	for _, other := range all {
		if other.Spec.Group == crd.Spec.Group && other.Name != crd.Name {
			t.add(other.Status.AcceptedNames)
		}
	}
	return t
}

func (t taken) add(n apiextensionsv1.CustomResourceDefinitionNames) {
	for _, name := range append([]string{n.Plural, n.Singular}, n.ShortNames...) {
		t.resources[name] = true
	}
	t.kinds[n.Kind], t.kinds[n.ListKind] = true, true
}

// acceptNames gives crd, in place, the names that it asks for and nobody else
// has, and says what is in the way of the others:
//
//	asked ──free──> NamesAccepted ──served──> Established
//	  └────taken──> NamesAccepted=False; again when a name becomes free
func acceptNames(crd *definition, t taken) {
	want, have := &crd.Spec.Names, &crd.Status.AcceptedNames
	result := condition{Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue, Reason: "NoConflicts", Message: "no conflicts found"}
	one := func(reason, wanted string, accepted *string, used map[string]bool) {
		if wanted != *accepted && used[wanted] {
			result.Status, result.Reason, result.Message = apiextensionsv1.ConditionFalse, reason, fmt.Sprintf("%q is already in use", wanted)
			return
		}
		*accepted = wanted
	}
	one("PluralConflict", want.Plural, &have.Plural, t.resources)
	one("SingularConflict", want.Singular, &have.Singular, t.resources)
	clash := slices.IndexFunc(want.ShortNames, func(name string) bool {
		return t.resources[name] && !slices.Contains(have.ShortNames, name)
	})
	if clash >= 0 {
		result.Status, result.Reason = apiextensionsv1.ConditionFalse, "ShortNamesConflict"
		result.Message = fmt.Sprintf("%q is already in use", want.ShortNames[clash])
	} else {
		have.ShortNames = want.ShortNames
	}
	one("KindConflict", want.Kind, &have.Kind, t.kinds)
	one("ListKindConflict", want.ListKind, &have.ListKind, t.kinds)
	have.Categories = want.Categories
	setCondition(crd, result)
}

// establish says, in place, that crd is served if its names are accepted. Once
// established it stays so, under the names that it had.
func establish(crd *definition) {
	if established(crd) {
		return
	}
	if apiextensions.BadAuthorities(crd.Spec.Conversion) {
		setCondition(crd, condition{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionFalse,
			Reason: "InvalidCABundle", Message: "The conversion webhook CABundle is invalid"})
		return
	}
	if apiextensions.Condition(crd, apiextensionsv1.NamesAccepted) == apiextensionsv1.ConditionTrue {
		setCondition(crd, condition{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue,
			Reason: "InitialNamesAccepted", Message: "the initial names have been accepted"})
		return
	}
	setCondition(crd, condition{Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionFalse,
		Reason: "NotAccepted", Message: "not all names are accepted"})
}

// approve says, in place, whether a definition of the community's groups was
// approved of; others have no such condition.
func approve(crd *definition) {
	if !apiextensions.Protected(crd.Spec.Group) {
		return
	}
	state, why := apiextensions.ApprovalOf(crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation])
	c := condition{Type: apiextensionsv1.KubernetesAPIApprovalPolicyConformant, Status: apiextensionsv1.ConditionFalse, Reason: string(state), Message: why}
	if state == apiextensions.Approved {
		c.Status = apiextensionsv1.ConditionTrue
	}
	setCondition(crd, c)
}

func established(crd *definition) bool {
	return apiextensions.Condition(crd, apiextensionsv1.Established) == apiextensionsv1.ConditionTrue
}

// setCondition leaves a condition alone that says the same already.
func setCondition(crd *definition, to condition) {
	for _, c := range crd.Status.Conditions {
		c.LastTransitionTime = to.LastTransitionTime
		if equality.Semantic.DeepEqual(c, to) {
			return
		}
	}
	apiextensions.SetCondition(crd, to)
}
