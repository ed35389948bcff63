package legacy

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	admissionregistrationv1alpha1 "k8s.io/api/admissionregistration/v1alpha1"
	admissionregistrationv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	flowcontrolv1beta1 "k8s.io/api/flowcontrol/v1beta1"
	flowcontrolv1beta2 "k8s.io/api/flowcontrol/v1beta2"
	flowcontrolv1beta3 "k8s.io/api/flowcontrol/v1beta3"
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	storagev1 "k8s.io/api/storage/v1"
	storagev1alpha1 "k8s.io/api/storage/v1alpha1"
	storagev1beta1 "k8s.io/api/storage/v1beta1"

	"minke/api"
)

// stored lists the versions that are not served, but in which an etcd may still
// have objects: kube-apiserver stored them so by default, and what nobody has
// written since is as it was. Defaults were filled in then.
func stored(r *api.Resource) []api.Version {
	switch r.GroupResource().String() {
	case "flowschemas.flowcontrol.apiserver.k8s.io":
		return flowSchemas()
	case "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io":
		return priorityLevels()
	case "validatingadmissionpolicies.admissionregistration.k8s.io":
		return []api.Version{
			version[admissionregistrationv1beta1.ValidatingAdmissionPolicy, admissionregistrationv1beta1.ValidatingAdmissionPolicyList](
				admissionregistrationv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1beta1.ValidatingAdmissionPolicy, admissionregistrationv1.ValidatingAdmissionPolicy]{}),
			version[admissionregistrationv1alpha1.ValidatingAdmissionPolicy, admissionregistrationv1alpha1.ValidatingAdmissionPolicyList](
				admissionregistrationv1alpha1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1alpha1.ValidatingAdmissionPolicy, admissionregistrationv1.ValidatingAdmissionPolicy]{}),
		}
	case "validatingadmissionpolicybindings.admissionregistration.k8s.io":
		return []api.Version{
			version[admissionregistrationv1beta1.ValidatingAdmissionPolicyBinding, admissionregistrationv1beta1.ValidatingAdmissionPolicyBindingList](
				admissionregistrationv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1beta1.ValidatingAdmissionPolicyBinding, admissionregistrationv1.ValidatingAdmissionPolicyBinding]{}),
			version[admissionregistrationv1alpha1.ValidatingAdmissionPolicyBinding, admissionregistrationv1alpha1.ValidatingAdmissionPolicyBindingList](
				admissionregistrationv1alpha1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1alpha1.ValidatingAdmissionPolicyBinding, admissionregistrationv1.ValidatingAdmissionPolicyBinding]{}),
		}
	case "validatingwebhookconfigurations.admissionregistration.k8s.io":
		return []api.Version{version[admissionregistrationv1beta1.ValidatingWebhookConfiguration, admissionregistrationv1beta1.ValidatingWebhookConfigurationList](
			admissionregistrationv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1beta1.ValidatingWebhookConfiguration, admissionregistrationv1.ValidatingWebhookConfiguration]{})}
	case "mutatingwebhookconfigurations.admissionregistration.k8s.io":
		return []api.Version{version[admissionregistrationv1beta1.MutatingWebhookConfiguration, admissionregistrationv1beta1.MutatingWebhookConfigurationList](
			admissionregistrationv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[admissionregistrationv1beta1.MutatingWebhookConfiguration, admissionregistrationv1.MutatingWebhookConfiguration]{})}
	case "servicecidrs.networking.k8s.io":
		return []api.Version{version[networkingv1beta1.ServiceCIDR, networkingv1beta1.ServiceCIDRList](
			networkingv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[networkingv1beta1.ServiceCIDR, networkingv1.ServiceCIDR]{})}
	case "ipaddresses.networking.k8s.io":
		return []api.Version{version[networkingv1beta1.IPAddress, networkingv1beta1.IPAddressList](
			networkingv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[networkingv1beta1.IPAddress, networkingv1.IPAddress]{})}
	case "volumeattributesclasses.storage.k8s.io":
		return []api.Version{
			version[storagev1beta1.VolumeAttributesClass, storagev1beta1.VolumeAttributesClassList](
				storagev1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[storagev1beta1.VolumeAttributesClass, storagev1.VolumeAttributesClass]{}),
			version[storagev1alpha1.VolumeAttributesClass, storagev1alpha1.VolumeAttributesClassList](
				storagev1alpha1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[storagev1alpha1.VolumeAttributesClass, storagev1.VolumeAttributesClass]{}),
		}
	case "certificatesigningrequests.certificates.k8s.io":
		return []api.Version{version[certificatesv1beta1.CertificateSigningRequest, certificatesv1beta1.CertificateSigningRequestList](
			certificatesv1beta1.SchemeGroupVersion.WithKind(r.Kind.Kind), api.Adjust[certificatesv1beta1.CertificateSigningRequest, certificatesv1.CertificateSigningRequest]{
				In: func(from *certificatesv1beta1.CertificateSigningRequest, to *certificatesv1.CertificateSigningRequest) {
					if from.Spec.SignerName == nil {
						to.Spec.SignerName = certificatesv1beta1.LegacyUnknownSignerName
					}
				},
			})}
	}
	return nil
}

func flowSchemas() []api.Version {
	const kind = "FlowSchema"
	return []api.Version{
		version[flowcontrolv1beta3.FlowSchema, flowcontrolv1beta3.FlowSchemaList](
			flowcontrolv1beta3.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta3.FlowSchema, flowcontrolv1.FlowSchema]{}),
		version[flowcontrolv1beta2.FlowSchema, flowcontrolv1beta2.FlowSchemaList](
			flowcontrolv1beta2.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta2.FlowSchema, flowcontrolv1.FlowSchema]{}),
		version[flowcontrolv1beta1.FlowSchema, flowcontrolv1beta1.FlowSchemaList](
			flowcontrolv1beta1.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta1.FlowSchema, flowcontrolv1.FlowSchema]{}),
	}
}

// defaultShares is what shares of zero meant before v1, but for those that say
// that they mean zero (KEP-1040).
const defaultShares = 30

// priorityLevels differ in how shares are called, and in what zero means.
func priorityLevels() []api.Version {
	const kind = "PriorityLevelConfiguration"
	type stored = flowcontrolv1.PriorityLevelConfiguration
	shares := func(to *stored, is int32) {
		if _, zero := to.Annotations[flowcontrolv1beta3.PriorityLevelPreserveZeroConcurrencySharesKey]; is == 0 && !zero {
			is = defaultShares
		}
		delete(to.Annotations, flowcontrolv1beta3.PriorityLevelPreserveZeroConcurrencySharesKey)
		if to.Spec.Limited != nil {
			to.Spec.Limited.NominalConcurrencyShares = &is
		}
	}
	return []api.Version{
		version[flowcontrolv1beta3.PriorityLevelConfiguration, flowcontrolv1beta3.PriorityLevelConfigurationList](
			flowcontrolv1beta3.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta3.PriorityLevelConfiguration, stored]{
				In: func(from *flowcontrolv1beta3.PriorityLevelConfiguration, to *stored) {
					if l := from.Spec.Limited; l != nil {
						shares(to, l.NominalConcurrencyShares)
					}
				},
			}),
		version[flowcontrolv1beta2.PriorityLevelConfiguration, flowcontrolv1beta2.PriorityLevelConfigurationList](
			flowcontrolv1beta2.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta2.PriorityLevelConfiguration, stored]{
				In: func(from *flowcontrolv1beta2.PriorityLevelConfiguration, to *stored) {
					if l := from.Spec.Limited; l != nil {
						shares(to, l.AssuredConcurrencyShares)
					}
				},
			}),
		version[flowcontrolv1beta1.PriorityLevelConfiguration, flowcontrolv1beta1.PriorityLevelConfigurationList](
			flowcontrolv1beta1.SchemeGroupVersion.WithKind(kind), api.Adjust[flowcontrolv1beta1.PriorityLevelConfiguration, stored]{
				In: func(from *flowcontrolv1beta1.PriorityLevelConfiguration, to *stored) {
					if l := from.Spec.Limited; l != nil {
						shares(to, l.AssuredConcurrencyShares)
					}
				},
			}),
	}
}
