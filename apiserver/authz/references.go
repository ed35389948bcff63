package authz

import corev1 "k8s.io/api/core/v1"

// podRefers returns a function that tells whether a pod refers to the secret,
// config map or volume claim that a names.
func podRefers(a Attributes) func(*corev1.Pod) bool {
	switch a.Resource {
	case "secrets":
		return func(p *corev1.Pod) bool { return refersToSecret(p, a.Name) }
	case "configmaps":
		return func(p *corev1.Pod) bool { return refersToConfigMap(p, a.Name) }
	}
	return func(p *corev1.Pod) bool { return refersToClaim(p, a.Name) }
}

func podClaims(name string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		for _, s := range p.Status.ResourceClaimStatuses {
			if s.ResourceClaimName != nil && *s.ResourceClaimName == name {
				return true
			}
		}
		for _, c := range p.Spec.ResourceClaims {
			if c.ResourceClaimName != nil && *c.ResourceClaimName == name {
				return true
			}
		}
		return false
	}
}

func refersToSecret(p *corev1.Pod, name string) bool {
	return anySecret(p, func(s string) bool { return s == name })
}

// PodHasSecrets tells whether a pod refers to any secret.
func PodHasSecrets(p *corev1.Pod) bool {
	return anySecret(p, func(string) bool { return true })
}

// anySecret tells whether is holds for the name of any secret that a pod refers
// to.
func anySecret(p *corev1.Pod, is func(name string) bool) bool {
	for _, s := range p.Spec.ImagePullSecrets {
		if is(s.Name) {
			return true
		}
	}
	for i := range p.Spec.Volumes {
		if volumeSecret(&p.Spec.Volumes[i], is) {
			return true
		}
	}
	return inEnvironment(p, func(from *corev1.EnvFromSource, value *corev1.EnvVarSource) bool {
		return from != nil && from.SecretRef != nil && is(from.SecretRef.Name) ||
			value != nil && value.SecretKeyRef != nil && is(value.SecretKeyRef.Name)
	})
}

func volumeSecret(v *corev1.Volume, is func(name string) bool) bool {
	switch {
	case v.Secret != nil:
		return is(v.Secret.SecretName)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.Secret != nil && is(s.Secret.Name) {
				return true
			}
		}
	case v.CSI != nil && v.CSI.NodePublishSecretRef != nil:
		return is(v.CSI.NodePublishSecretRef.Name)
	case v.CephFS != nil && v.CephFS.SecretRef != nil:
		return is(v.CephFS.SecretRef.Name)
	case v.ISCSI != nil && v.ISCSI.SecretRef != nil:
		return is(v.ISCSI.SecretRef.Name)
	case v.RBD != nil && v.RBD.SecretRef != nil:
		return is(v.RBD.SecretRef.Name)
	case v.FlexVolume != nil && v.FlexVolume.SecretRef != nil:
		return is(v.FlexVolume.SecretRef.Name)
	case v.AzureFile != nil:
		return is(v.AzureFile.SecretName)
	}
	return false
}

func refersToConfigMap(p *corev1.Pod, name string) bool {
	return anyConfigMap(p, func(s string) bool { return s == name })
}

// PodHasConfigMaps tells whether a pod refers to any config map.
func PodHasConfigMaps(p *corev1.Pod) bool {
	return anyConfigMap(p, func(string) bool { return true })
}

func anyConfigMap(p *corev1.Pod, is func(name string) bool) bool {
	for _, v := range p.Spec.Volumes {
		if v.ConfigMap != nil && is(v.ConfigMap.Name) {
			return true
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ConfigMap != nil && is(s.ConfigMap.Name) {
				return true
			}
		}
	}
	return inEnvironment(p, func(from *corev1.EnvFromSource, value *corev1.EnvVarSource) bool {
		return from != nil && from.ConfigMapRef != nil && is(from.ConfigMapRef.Name) ||
			value != nil && value.ConfigMapKeyRef != nil && is(value.ConfigMapKeyRef.Name)
	})
}

func refersToClaim(p *corev1.Pod, name string) bool {
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == name {
			return true
		}
		if v.Ephemeral != nil && p.Name+"-"+v.Name == name {
			return true
		}
	}
	return false
}

// inEnvironment tells whether f holds for any source of a container's
// environment.
func inEnvironment(p *corev1.Pod, f func(*corev1.EnvFromSource, *corev1.EnvVarSource) bool) bool {
	check := func(from []corev1.EnvFromSource, env []corev1.EnvVar) bool {
		for i := range from {
			if f(&from[i], nil) {
				return true
			}
		}
		for i := range env {
			if f(nil, env[i].ValueFrom) {
				return true
			}
		}
		return false
	}
	for _, list := range [][]corev1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range list {
			if check(list[i].EnvFrom, list[i].Env) {
				return true
			}
		}
	}
	for i := range p.Spec.EphemeralContainers {
		if check(p.Spec.EphemeralContainers[i].EnvFrom, p.Spec.EphemeralContainers[i].Env) {
			return true
		}
	}
	return false
}
