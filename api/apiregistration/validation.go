package apiregistration

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

type errorList = field.ErrorList

// The bounds of priorities.
const (
	maxGroupPriority   = 20000
	maxVersionPriority = 1000
)

func validate(s *service) errorList {
	var errs errorList
	at := field.NewPath("spec")
	if s.Spec.Group == "" && s.Spec.Version != "v1" {
		errs = append(errs, field.Required(at.Child("group"), "only v1 may have an empty group and it better be legacy kube"))
	}
	if s.Spec.Group != "" {
		for _, problem := range validation.IsDNS1123Subdomain(s.Spec.Group) {
			errs = append(errs, field.Invalid(at.Child("group"), s.Spec.Group, problem))
		}
	}
	for _, problem := range validation.IsDNS1035Label(s.Spec.Version) {
		errs = append(errs, field.Invalid(at.Child("version"), s.Spec.Version, problem))
	}
	if p := s.Spec.GroupPriorityMinimum; p <= 0 || p > maxGroupPriority {
		errs = append(errs, field.Invalid(at.Child("groupPriorityMinimum"), p, "must be positive and less than 20000"))
	}
	if p := s.Spec.VersionPriority; p <= 0 || p > maxVersionPriority {
		errs = append(errs, field.Invalid(at.Child("versionPriority"), p, "must be positive and less than 1000"))
	}
	if s.Spec.Service == nil {
		return append(errs, validateLocal(&s.Spec, at)...)
	}
	return append(errs, validateRemote(&s.Spec, at)...)
}

// nameRule wants the name to tell the group version.
func nameRule(s *service) func(string, bool) []string {
	return func(name string, _ bool) []string {
		if problems := content.IsPathSegmentName(name); len(problems) > 0 {
			return problems
		}
		if wanted := s.Spec.Version + "." + s.Spec.Group; name != wanted {
			return []string{fmt.Sprintf("must be `spec.version+\".\"+spec.group`: %q", wanted)}
		}
		return nil
	}
}

func validateLocal(spec *apiregistrationv1.APIServiceSpec, at *field.Path) (errs errorList) {
	if n := len(spec.CABundle); n > 0 {
		errs = append(errs, field.Invalid(at.Child("caBundle"), fmt.Sprintf("%d bytes", n), "local APIServices may not have a caBundle"))
	}
	if spec.InsecureSkipTLSVerify {
		errs = append(errs, field.Invalid(at.Child("insecureSkipTLSVerify"), true, "local APIServices may not have insecureSkipTLSVerify"))
	}
	return errs
}

func validateRemote(spec *apiregistrationv1.APIServiceSpec, at *field.Path) (errs errorList) {
	if spec.Service.Namespace == "" {
		errs = append(errs, field.Required(at.Child("service", "namespace"), ""))
	}
	if spec.Service.Name == "" {
		errs = append(errs, field.Required(at.Child("service", "name"), ""))
	}
	if problems := validation.IsValidPortNum(int(*spec.Service.Port)); len(problems) > 0 {
		errs = append(errs, field.Invalid(at.Child("service", "port"), *spec.Service.Port, "port is not valid: "+strings.Join(problems, ", ")))
	}
	if spec.InsecureSkipTLSVerify && len(spec.CABundle) > 0 {
		errs = append(errs, field.Invalid(at.Child("insecureSkipTLSVerify"), true, "may not be true if caBundle is present"))
	}
	return errs
}

func validateStatus(s *service) (errs errorList) {
	known := []apiregistrationv1.ConditionStatus{apiregistrationv1.ConditionTrue, apiregistrationv1.ConditionFalse, apiregistrationv1.ConditionUnknown}
	for i, c := range s.Status.Conditions {
		if c.Status != known[0] && c.Status != known[1] && c.Status != known[2] {
			errs = append(errs, field.NotSupported(field.NewPath("status", "conditions").Index(i).Child("status"), c.Status, known))
		}
	}
	return errs
}
