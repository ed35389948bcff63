package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"

	"minke/api"
)

func certificateSigningRequests() *api.Resource {
	return api.Definition[*certificatesv1.CertificateSigningRequest]{
		Kind:             certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"),
		Plural:           "certificatesigningrequests",
		ShortNames:       []string{"csr"},
		Cluster:          true,
		New:              api.New[certificatesv1.CertificateSigningRequest],
		NewList:          api.NewList[certificatesv1.CertificateSigningRequestList],
		PrepareForCreate: certificateSigningRequestCreate,
		PrepareForUpdate: certificateSigningRequestUpdate,
		Subresources: map[string]api.Subresource[*certificatesv1.CertificateSigningRequest]{
			"status":   {Prepare: certificateSigningRequestStatus, ValidateUpdate: validateSigned},
			"approval": {Prepare: certificateSigningRequestApproval, ValidateUpdate: validateApproval},
		},
		ValidName: validName,
		Fields:    requestFields(),
		Columns:   requestColumns(),
		Validate:  validateRequest,
	}.Resource()
}
