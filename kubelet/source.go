package kubelet

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"minke/client"
)

// What pods refer to, as volumes and configurations read it.

// ConfigMap returns a ConfigMap that the pod refers to.
func (k *Kubelet) ConfigMap(ctx context.Context, pod *corev1.Pod, name string) (*corev1.ConfigMap, error) {
	return k.configMaps.Get(ctx, pod.UID, pod.Namespace, name)
}

// Secret returns a Secret that the pod refers to.
func (k *Kubelet) Secret(ctx context.Context, pod *corev1.Pod, name string) (*corev1.Secret, error) {
	return k.secrets.Get(ctx, pod.UID, pod.Namespace, name)
}

// Claim returns a PersistentVolumeClaim.
func (k *Kubelet) Claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error) {
	return client.Of(k.API, client.PersistentVolumeClaims).Get(ctx, namespace, name)
}

// Volume returns a PersistentVolume.
func (k *Kubelet) Volume(ctx context.Context, name string) (*corev1.PersistentVolume, error) {
	return client.Of(k.API, client.PersistentVolumes).Get(ctx, "", name)
}

// Token asks for a bound token of a service account.
func (k *Kubelet) Token(ctx context.Context, namespace, account string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	answer, err := client.Of(k.API, client.ServiceAccounts).Post(ctx, namespace, account, "token", request)
	if err != nil {
		return nil, err
	}
	token, ok := answer.(*authenticationv1.TokenRequest)
	if !ok {
		return nil, fmt.Errorf("token of serviceaccount %s/%s: the answer is a %T", namespace, account, answer)
	}
	return token, nil
}

// TrustBundles returns all ClusterTrustBundles.
func (k *Kubelet) TrustBundles(ctx context.Context, pod *corev1.Pod) ([]*certificatesv1.ClusterTrustBundle, error) {
	view, err := k.bundles.View(ctx, pod.UID)
	if err != nil {
		return nil, fmt.Errorf("ClusterTrustBundles: %w", err)
	}
	return view.List("", nil), nil
}

// RequestCertificate asks for a certificate of the pod (KEP-4317).
func (k *Kubelet) RequestCertificate(ctx context.Context, pod *corev1.Pod, request *certificatesv1.PodCertificateRequest) (*certificatesv1.PodCertificateRequest, error) {
	account, err := client.Of(k.API, client.ServiceAccounts).Get(ctx, pod.Namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		return nil, fmt.Errorf("fetch service account: %w", err)
	}
	node := k.node.Node()
	request.Namespace, request.GenerateName = pod.Namespace, "req-"
	request.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}}
	s := &request.Spec
	s.PodName, s.PodUID = pod.Name, pod.UID
	s.ServiceAccountName, s.ServiceAccountUID = account.Name, account.UID
	s.NodeName, s.NodeUID = types.NodeName(k.NodeName), node.UID
	return client.Of(k.API, client.PodCertificateRequests).Create(ctx, request)
}

// CertificateRequest returns a request for a certificate of the pod.
func (k *Kubelet) CertificateRequest(ctx context.Context, pod *corev1.Pod, name string) (*certificatesv1.PodCertificateRequest, bool, error) {
	view, err := k.requests.View(ctx, pod.UID)
	if err != nil {
		return nil, false, fmt.Errorf("PodCertificateRequests: %w", err)
	}
	r, ok := view.Get(pod.Namespace, name)
	return r, ok, nil
}

func (k *Kubelet) runtimeHandler(ctx context.Context, class string) (string, error) {
	c, err := client.Of(k.API, client.RuntimeClasses).Get(ctx, "", class)
	if err != nil {
		return "", err
	}
	return c.Handler, nil
}
