package catalog

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Scheme knows every served type by name, in each of its versions, the bodies
// of actions (Binding, Eviction, Scale, TokenRequest) and the options of
// connections (PodExecOptions and the like) too.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	s.AddUnversionedTypes(schema.GroupVersion{Version: "v1"},
		&metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	groups := map[schema.GroupVersion]bool{{Version: "v1"}: true}
	for _, r := range Resources() {
		register(s, groups, r.Kind, r.New(), r.NewList())
		for _, v := range r.Also {
			register(s, groups, v.Kind, v.New(), v.NewList())
		}
	}
	registerActions(s)
	return s
}

func register(s *runtime.Scheme, seen map[schema.GroupVersion]bool, kind schema.GroupVersionKind, one, list runtime.Object) {
	gv := kind.GroupVersion()
	s.AddKnownTypeWithName(kind, one)
	if list != nil {
		s.AddKnownTypeWithName(gv.WithKind(kind.Kind+"List"), list)
	}
	if !seen[gv] {
		seen[gv] = true
		metav1.AddToGroupVersion(s, gv)
	}
}

// registerActions adds the kinds that are sent to subresources but are no
// resources themselves.
func registerActions(s *runtime.Scheme) {
	s.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Binding{}, &corev1.List{}, &corev1.RangeAllocation{}, &corev1.SerializedReference{},
		&corev1.PodAttachOptions{}, &corev1.PodExecOptions{}, &corev1.PodLogOptions{},
		&corev1.PodPortForwardOptions{}, &corev1.PodProxyOptions{},
		&corev1.NodeProxyOptions{}, &corev1.ServiceProxyOptions{})
	s.AddKnownTypes(policyv1.SchemeGroupVersion, &policyv1.Eviction{})
	s.AddKnownTypes(autoscalingv1.SchemeGroupVersion, &autoscalingv1.Scale{})
	s.AddKnownTypes(authenticationv1.SchemeGroupVersion, &authenticationv1.TokenRequest{})

}
