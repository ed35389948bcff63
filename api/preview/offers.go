package preview

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	admissionregistrationv1alpha1 "k8s.io/api/admissionregistration/v1alpha1"
	admissionregistrationv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	coordinationv1alpha2 "k8s.io/api/coordination/v1alpha2"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	resourcev1 "k8s.io/api/resource/v1"
	resourcev1alpha3 "k8s.io/api/resource/v1alpha3"
	resourcev1beta2 "k8s.io/api/resource/v1beta2"
	schedulingv1alpha3 "k8s.io/api/scheduling/v1alpha3"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	storagemigrationv1beta1 "k8s.io/api/storagemigration/v1beta1"

	"minke/api"
)

// offers are the further versions of resources, newest first.
func offers() []offer {
	return append([]offer{
		converted[admissionregistrationv1beta1.MutatingAdmissionPolicy, admissionregistrationv1beta1.MutatingAdmissionPolicyList](
			admissionregistrationv1beta1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy"), "mutatingadmissionpolicies",
			api.Adjust[admissionregistrationv1beta1.MutatingAdmissionPolicy, admissionregistrationv1.MutatingAdmissionPolicy]{}),
		converted[admissionregistrationv1alpha1.MutatingAdmissionPolicy, admissionregistrationv1alpha1.MutatingAdmissionPolicyList](
			admissionregistrationv1alpha1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicy"), "mutatingadmissionpolicies",
			api.Adjust[admissionregistrationv1alpha1.MutatingAdmissionPolicy, admissionregistrationv1.MutatingAdmissionPolicy]{}),
		converted[admissionregistrationv1beta1.MutatingAdmissionPolicyBinding, admissionregistrationv1beta1.MutatingAdmissionPolicyBindingList](
			admissionregistrationv1beta1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicyBinding"), "mutatingadmissionpolicybindings",
			api.Adjust[admissionregistrationv1beta1.MutatingAdmissionPolicyBinding, admissionregistrationv1.MutatingAdmissionPolicyBinding]{}),
		converted[admissionregistrationv1alpha1.MutatingAdmissionPolicyBinding, admissionregistrationv1alpha1.MutatingAdmissionPolicyBindingList](
			admissionregistrationv1alpha1.SchemeGroupVersion.WithKind("MutatingAdmissionPolicyBinding"), "mutatingadmissionpolicybindings",
			api.Adjust[admissionregistrationv1alpha1.MutatingAdmissionPolicyBinding, admissionregistrationv1.MutatingAdmissionPolicyBinding]{}),
		converted[certificatesv1beta1.ClusterTrustBundle, certificatesv1beta1.ClusterTrustBundleList](
			certificatesv1beta1.SchemeGroupVersion.WithKind("ClusterTrustBundle"), "clustertrustbundles",
			api.Adjust[certificatesv1beta1.ClusterTrustBundle, certificatesv1.ClusterTrustBundle]{}),
		// A bare key (pkixPublicKey), which v1 does not have, is not taken any more.
		converted[certificatesv1beta1.PodCertificateRequest, certificatesv1beta1.PodCertificateRequestList](
			certificatesv1beta1.SchemeGroupVersion.WithKind("PodCertificateRequest"), "podcertificaterequests",
			api.Adjust[certificatesv1beta1.PodCertificateRequest, certificatesv1.PodCertificateRequest]{}),
		converted[storagemigrationv1beta1.StorageVersionMigration, storagemigrationv1beta1.StorageVersionMigrationList](
			storagemigrationv1beta1.SchemeGroupVersion.WithKind("StorageVersionMigration"), "storageversionmigrations",
			api.Adjust[storagemigrationv1beta1.StorageVersionMigration, storagemigrationv1.StorageVersionMigration]{}),
		converted[schedulingv1beta1.PodGroup, schedulingv1beta1.PodGroupList](
			schedulingv1beta1.SchemeGroupVersion.WithKind("PodGroup"), "podgroups",
			api.Adjust[schedulingv1beta1.PodGroup, schedulingv1alpha3.PodGroup]{}),
		converted[schedulingv1beta1.Workload, schedulingv1beta1.WorkloadList](
			schedulingv1beta1.SchemeGroupVersion.WithKind("Workload"), "workloads",
			api.Adjust[schedulingv1beta1.Workload, schedulingv1alpha3.Workload]{}),
		converted[resourcev1beta2.DeviceTaintRule, resourcev1beta2.DeviceTaintRuleList](
			resourcev1beta2.SchemeGroupVersion.WithKind("DeviceTaintRule"), "devicetaintrules",
			api.Adjust[resourcev1beta2.DeviceTaintRule, resourcev1.DeviceTaintRule]{}),
		converted[coordinationv1alpha2.LeaseCandidate, coordinationv1alpha2.LeaseCandidateList](
			coordinationv1alpha2.SchemeGroupVersion.WithKind("LeaseCandidate"), "leasecandidates",
			api.Adjust[coordinationv1alpha2.LeaseCandidate, coordinationv1beta1.LeaseCandidate]{}),
		converted[resourcev1beta2.DeviceClass, resourcev1beta2.DeviceClassList](
			resourcev1beta2.SchemeGroupVersion.WithKind("DeviceClass"), "deviceclasses",
			api.Adjust[resourcev1beta2.DeviceClass, resourcev1.DeviceClass]{}),
		converted[resourcev1beta2.ResourceClaim, resourcev1beta2.ResourceClaimList](
			resourcev1beta2.SchemeGroupVersion.WithKind("ResourceClaim"), "resourceclaims",
			api.Adjust[resourcev1beta2.ResourceClaim, resourcev1.ResourceClaim]{}),
		converted[resourcev1beta2.ResourceClaimTemplate, resourcev1beta2.ResourceClaimTemplateList](
			resourcev1beta2.SchemeGroupVersion.WithKind("ResourceClaimTemplate"), "resourceclaimtemplates",
			api.Adjust[resourcev1beta2.ResourceClaimTemplate, resourcev1.ResourceClaimTemplate]{}),
		converted[resourcev1beta2.ResourceSlice, resourcev1beta2.ResourceSliceList](
			resourcev1beta2.SchemeGroupVersion.WithKind("ResourceSlice"), "resourceslices",
			api.Adjust[resourcev1beta2.ResourceSlice, resourcev1.ResourceSlice]{}),
		converted[resourcev1alpha3.DeviceTaintRule, resourcev1alpha3.DeviceTaintRuleList](
			resourcev1alpha3.SchemeGroupVersion.WithKind("DeviceTaintRule"), "devicetaintrules",
			api.Adjust[resourcev1alpha3.DeviceTaintRule, resourcev1.DeviceTaintRule]{}),
	}, firstDevices()...)
}
