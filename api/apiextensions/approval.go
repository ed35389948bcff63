package apiextensions

import (
	"net/url"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Protected tells whether group is one of the community's, whose definitions must
// say who approved of them (KEP-1111).
func Protected(group string) bool {
	for _, domain := range []string{"k8s.io", "kubernetes.io"} {
		if group == domain || strings.HasSuffix(group, "."+domain) {
			return true
		}
	}
	return false
}

// Approval is what the annotation api-approved.kubernetes.io says. Its text is the
// reason of the condition KubernetesAPIApprovalPolicyConformant.
type Approval string

const (
	Approved         Approval = "ApprovedAnnotation"
	ApprovalBypassed Approval = "UnapprovedAnnotation"
	ApprovalMissing  Approval = "MissingAnnotation"
	ApprovalInvalid  Approval = "InvalidAnnotation"
)

// ApprovalOf reads the annotation's value: the URL of an approval, or a reason that
// begins with "unapproved". It says why in Kubernetes' words.
func ApprovalOf(value string) (state Approval, why string) {
	const (
		must  = "protected groups must have approval annotation \"" + apiextensionsv1.KubeAPIApprovedAnnotation + "\""
		where = ", see https://github.com/kubernetes/enhancements/pull/1111"
	)
	at, err := url.ParseRequestURI(value)
	switch {
	case value == "":
		return ApprovalMissing, must + where
	case strings.HasPrefix(value, "unapproved"):
		return ApprovalBypassed, "not approved: \"" + value + "\""
	case err == nil && at.Host != "" && at.Scheme != "":
		return Approved, "approved in " + value
	}
	return ApprovalInvalid, must + " with either a URL or a reason starting with \"unapproved\"" + where
}
