package serviceaccount

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// enforceAnnotation on an account lets its pods use only the secrets that the
// account lists.
const enforceAnnotation = "kubernetes.io/enforce-mountable-secrets"

func enforces(account *corev1.ServiceAccount) bool {
	on, err := strconv.ParseBool(account.Annotations[enforceAnnotation])
	return err == nil && on // what is no boolean enforces nothing
}

// checkSecrets says which secret of a pod its account does not list.
func checkSecrets(pod *corev1.Pod, account *corev1.ServiceAccount) error {
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil && !lists(account, v.Secret.SecretName) {
			return refusal(account, "volume with secret.secretName=%q", v.Secret.SecretName)
		}
	}
	for _, c := range pod.Spec.InitContainers {
		if err := checkEnvironment("init container", c.Name, c.Env, c.EnvFrom, account); err != nil {
			return err
		}
	}
	for _, c := range pod.Spec.Containers {
		if err := checkEnvironment("container", c.Name, c.Env, c.EnvFrom, account); err != nil {
			return err
		}
	}
next:
	for i, pull := range pod.Spec.ImagePullSecrets {
		for _, s := range account.ImagePullSecrets {
			if s.Name == pull.Name {
				continue next
			}
		}
		return fmt.Errorf("imagePullSecrets[%d].name=%q is not allowed because service account %s does not reference that imagePullSecret", i, pull.Name, account.Name)
	}
	return nil
}

// checkEphemeral does the same for the ephemeral containers.
func checkEphemeral(pod *corev1.Pod, account *corev1.ServiceAccount) error {
	for _, c := range pod.Spec.EphemeralContainers {
		if err := checkEnvironment("ephemeral container", c.Name, c.Env, c.EnvFrom, account); err != nil {
			return err
		}
	}
	return nil
}

func checkEnvironment(kind, name string, env []corev1.EnvVar, from []corev1.EnvFromSource, account *corev1.ServiceAccount) error {
	for _, e := range env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && !lists(account, e.ValueFrom.SecretKeyRef.Name) {
			return refusal(account, "%s %s with envVar %s referencing secret.secretName=%q", kind, name, e.Name, e.ValueFrom.SecretKeyRef.Name)
		}
	}
	for _, e := range from {
		if e.SecretRef != nil && !lists(account, e.SecretRef.Name) {
			return refusal(account, "%s %s with envFrom referencing secret.secretName=%q", kind, name, e.SecretRef.Name)
		}
	}
	return nil
}

func lists(account *corev1.ServiceAccount, secret string) bool {
	for _, s := range account.Secrets {
		if s.Name == secret {
			return true
		}
	}
	return false
}

func refusal(account *corev1.ServiceAccount, what string, args ...any) error {
	return fmt.Errorf(what+" is not allowed because service account %s does not reference that secret", append(args, account.Name)...)
}
