package spec

import (
	"context"
	"fmt"
	"sort"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// environment is an ordered set of variables: a later value of a name takes the
// place of the earlier one.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, had := e.values[name]; !had {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) lookup(name string) (string, bool) {
	v, ok := e.values[name]
	return v, ok
}

func (e *environment) keyValues() []*runtimeapi.KeyValue {
	out := make([]*runtimeapi.KeyValue, len(e.names))
	for i, name := range e.names {
		out[i] = &runtimeapi.KeyValue{Key: name, Value: []byte(e.values[name])}
	}
	return out
}

// environment of a container, in the order of precedence: services, envFrom,
// env. $(NAME) sees the variables before it, and the services'.
func (b *Builder) environment(ctx context.Context, pod *corev1.Pod, c *corev1.Container, ips []string) (*environment, error) {
	env := &environment{values: map[string]string{}}
	for _, v := range b.serviceEnv(pod) {
		env.set(v.Name, v.Value)
	}
	for i := range c.EnvFrom {
		if err := b.envFrom(ctx, pod, &c.EnvFrom[i], env); err != nil {
			return nil, err
		}
	}
	for i := range c.Env {
		v := &c.Env[i]
		value, set, err := b.envValue(ctx, pod, c, v, env, ips)
		if err != nil {
			return nil, err
		}
		if set {
			env.set(v.Name, value)
		}
	}
	return env, nil
}

func (b *Builder) envFrom(ctx context.Context, pod *corev1.Pod, from *corev1.EnvFromSource, env *environment) error {
	data := map[string]string{}
	switch {
	case from.ConfigMapRef != nil:
		cm, err := b.ConfigMap(ctx, pod, from.ConfigMapRef.Name)
		if apierrors.IsNotFound(err) && isTrue(from.ConfigMapRef.Optional) {
			return nil
		}
		if err != nil {
			return refError("configmap", from.ConfigMapRef.Name, err)
		}
		data = cm.Data
	case from.SecretRef != nil:
		s, err := b.Secret(ctx, pod, from.SecretRef.Name)
		if apierrors.IsNotFound(err) && isTrue(from.SecretRef.Optional) {
			return nil
		}
		if err != nil {
			return refError("secret", from.SecretRef.Name, err)
		}
		for k, v := range s.Data {
			data[k] = string(v)
		}
	}
	keys := make([]string, 0, len(data))
	for k := range data {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		env.set(from.Prefix+k, data[k])
	}
	return nil
}

// refError says what is missing in the words that users know.
func refError(kind, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return &ConfigError{fmt.Errorf("%s %q not found", kind, name)}
	}
	return &ConfigError{fmt.Errorf("get %s %s: %w", kind, name, err)}
}

func isTrue(b *bool) bool { return b != nil && *b }

func (b *Builder) envValue(ctx context.Context, pod *corev1.Pod, c *corev1.Container, v *corev1.EnvVar, env *environment, ips []string) (string, bool, error) {
	if v.ValueFrom == nil {
		return Expand(v.Value, env.lookup), true, nil
	}
	switch from := v.ValueFrom; {
	case from.FieldRef != nil:
		value, err := b.Field(pod, from.FieldRef.FieldPath, ips)
		return value, true, asConfigError(err)
	case from.ResourceFieldRef != nil:
		value, err := b.Resource(pod, c, from.ResourceFieldRef)
		return value, true, asConfigError(err)
	case from.ConfigMapKeyRef != nil:
		return b.configMapKey(ctx, pod, from.ConfigMapKeyRef)
	case from.SecretKeyRef != nil:
		return b.secretKey(ctx, pod, from.SecretKeyRef)
	case from.FileKeyRef != nil:
		return b.fileKey(pod, from.FileKeyRef)
	}
	return "", true, nil
}

func asConfigError(err error) error {
	if err == nil {
		return nil
	}
	return &ConfigError{err}
}

func (b *Builder) configMapKey(ctx context.Context, pod *corev1.Pod, ref *corev1.ConfigMapKeySelector) (string, bool, error) {
	cm, err := b.ConfigMap(ctx, pod, ref.Name)
	if err != nil {
		if apierrors.IsNotFound(err) && isTrue(ref.Optional) {
			return "", false, nil
		}
		return "", false, refError("configmap", ref.Name, err)
	}
	value, ok := cm.Data[ref.Key]
	if !ok {
		if isTrue(ref.Optional) {
			return "", false, nil
		}
		return "", false, &ConfigError{fmt.Errorf("couldn't find key %v in ConfigMap %v/%v", ref.Key, pod.Namespace, ref.Name)}
	}
	return value, true, nil
}

func (b *Builder) secretKey(ctx context.Context, pod *corev1.Pod, ref *corev1.SecretKeySelector) (string, bool, error) {
	s, err := b.Secret(ctx, pod, ref.Name)
	if err != nil {
		if apierrors.IsNotFound(err) && isTrue(ref.Optional) {
			return "", false, nil
		}
		return "", false, refError("secret", ref.Name, err)
	}
	value, ok := s.Data[ref.Key]
	if !ok {
		if isTrue(ref.Optional) {
			return "", false, nil
		}
		return "", false, &ConfigError{fmt.Errorf("couldn't find key %v in Secret %v/%v", ref.Key, pod.Namespace, ref.Name)}
	}
	return string(value), true, nil
}
