// Package serviceaccount gives each pod a service account, and its containers
// the account's token, the cluster's certificate authority and the namespace in
// a volume.
package serviceaccount

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/watch"

	"minke/apiserver/admission"
	"minke/apiserver/authz"
)

// Source reads and follows stored objects.
type Source interface {
	Get(ctx context.Context, resource schema.GroupVersionResource, namespace, name string) (runtime.Object, error)
	// WatchShared streams what came after revision; without one, what comes
	// from now on.
	WatchShared(ctx context.Context, resource schema.GroupVersionResource, namespace, revision string) (watch.Interface, error)
}

// Plugin is the admission plug-in.
type Plugin struct {
	Source Source
	// Name makes the end of a volume's name; nil for a random one.
	Name func() string
}

var (
	_ admission.Mutator   = (*Plugin)(nil)
	_ admission.Validator = (*Plugin)(nil)
)

const (
	defaultAccount = "default"
	volumePrefix   = "kube-api-access-"
	// MountPath is where containers find their token.
	MountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
	rootCA    = "kube-root-ca.crt"
	// tokenLife is an hour and a little, by which such tokens are told from
	// those that a user asked for.
	tokenLife = 3607
	// creationWait is how long a pod waits for the default account of a
	// namespace that was created just before.
	creationWait = 2 * time.Second
)

var accounts = corev1.SchemeGroupVersion.WithResource("serviceaccounts")

// Admit implements admission.Mutator.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok || a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	forbid := func(err error) error { return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err) }
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return refuseMirror(pod, forbid)
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = pod.Spec.DeprecatedServiceAccount
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = defaultAccount
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	account, err := p.account(ctx, a.Namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		return forbid(fmt.Errorf("error looking up service account %s/%s: %w", a.Namespace, pod.Spec.ServiceAccountName, err))
	}
	if automounts(account, pod) {
		p.mount(pod)
	}
	if len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append([]corev1.LocalObjectReference(nil), account.ImagePullSecrets...)
	}
	return nil
}

// Validate implements admission.Validator: an account that asks for it may be
// used with its own secrets alone.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	pod, ok := a.Object.(*corev1.Pod)
	if !ok {
		return nil
	}
	ephemeral := a.Operation == admission.Update && a.Subresource == "ephemeralcontainers"
	if !ephemeral && (a.Operation != admission.Create || a.Subresource != "") {
		return nil
	}
	forbid := func(err error) error { return apierrors.NewForbidden(a.Resource.GroupResource(), a.Name, err) }
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror && !ephemeral {
		return refuseMirror(pod, forbid)
	}
	if pod.Spec.ServiceAccountName == "" {
		return forbid(fmt.Errorf("no service account specified for pod %s/%s", a.Namespace, pod.Name))
	}
	obj, err := p.Source.Get(ctx, accounts, a.Namespace, pod.Spec.ServiceAccountName)
	if err != nil {
		return forbid(fmt.Errorf("error looking up service account %s/%s: %w", a.Namespace, pod.Spec.ServiceAccountName, err))
	}
	account := obj.(*corev1.ServiceAccount)
	if !enforces(account) {
		return nil
	}
	check := checkSecrets
	if ephemeral {
		check = checkEphemeral
	}
	if err := check(pod, account); err != nil {
		return forbid(err)
	}
	return nil
}

// refuseMirror keeps a node from getting at secrets through pods of its own
// making.
func refuseMirror(pod *corev1.Pod, forbid func(error) error) error {
	if pod.Spec.ServiceAccountName != "" {
		return forbid(fmt.Errorf("a mirror pod may not reference service accounts"))
	}
	if authz.PodHasSecrets(pod) {
		return forbid(fmt.Errorf("a mirror pod may not reference secrets"))
	}
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				return forbid(fmt.Errorf("a mirror pod may not use ServiceAccountToken volume projections"))
			}
		}
	}
	return nil
}

// account reads a service account. The default one is waited for a little: a
// controller makes it as soon as it sees a new namespace.
func (p *Plugin) account(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	obj, err := p.Source.Get(ctx, accounts, namespace, name)
	if err == nil {
		return obj.(*corev1.ServiceAccount), nil
	}
	if apierrors.IsNotFound(err) {
		// In the singular: so Kubernetes words what its cache does not have.
		err = apierrors.NewNotFound(corev1.Resource("serviceaccount"), name)
	}
	if !apierrors.IsNotFound(err) || name != defaultAccount {
		return nil, err
	}
	missing := err
	ctx, cancel := context.WithTimeout(ctx, creationWait)
	defer cancel()
	w, err := p.Source.WatchShared(ctx, accounts, namespace, "")
	if err != nil {
		return nil, missing
	}
	defer w.Stop()
	// It may have come between the look and the watch.
	if obj, err := p.Source.Get(ctx, accounts, namespace, name); err == nil {
		return obj.(*corev1.ServiceAccount), nil
	}
	for {
		select {
		case event, ok := <-w.ResultChan():
			if !ok {
				return nil, missing
			}
			if account, is := event.Object.(*corev1.ServiceAccount); is && account.Name == name && event.Type != watch.Deleted {
				return account, nil
			}
		case <-ctx.Done():
			return nil, missing
		}
	}
}

// automounts tells whether the pod wants the token; the pod's word counts more
// than the account's.
func automounts(account *corev1.ServiceAccount, pod *corev1.Pod) bool {
	if v := pod.Spec.AutomountServiceAccountToken; v != nil {
		return *v
	}
	if v := account.AutomountServiceAccountToken; v != nil {
		return *v
	}
	return true
}

// mount adds the volume to all containers that have nothing at MountPath.
func (p *Plugin) mount(pod *corev1.Pod) {
	name, exists := "", false
	for _, v := range pod.Spec.Volumes {
		if strings.HasPrefix(v.Name, volumePrefix) {
			name, exists = v.Name, true
			break
		}
	}
	if !exists {
		suffix := func() string { return rand.String(5) }
		if p.Name != nil {
			suffix = p.Name
		}
		name = volumePrefix + suffix()
	}
	used := false
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if !mounted(&list[i]) {
				list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: MountPath})
				used = true
			}
		}
	}
	if used && !exists {
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume(name))
	}
}

func mounted(c *corev1.Container) bool {
	for _, m := range c.VolumeMounts {
		if m.MountPath == MountPath {
			return true
		}
	}
	return false
}

func volume(name string) corev1.Volume {
	mode, life := int32(0o644), int64(tokenLife)
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: &mode,
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &life}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: rootCA}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"},
			}}}},
		},
	}}}
}
