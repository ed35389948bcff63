package volume

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// projected makes the volumes whose content is files that the cluster knows:
// configMap, secret, downwardAPI, and projected, which is any of them together.
func (j *job) projected(ctx context.Context) (Mounted, error) {
	plugin, memory := "projected", true
	content := payload{}
	var err error
	switch v := j.volume; {
	case v.ConfigMap != nil:
		plugin, memory = "configmap", false
		err = j.addConfigMap(ctx, content, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.DefaultMode, v.ConfigMap.Optional)
	case v.Secret != nil:
		plugin = "secret"
		err = j.addSecret(ctx, content, v.Secret.SecretName, v.Secret.Items, v.Secret.DefaultMode, v.Secret.Optional)
	case v.DownwardAPI != nil:
		plugin = "downward-api"
		err = j.addDownward(content, v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	default:
		err = j.addSources(ctx, content, v.Projected)
	}
	if err != nil {
		return Mounted{}, err
	}
	dir := j.dir(plugin)
	mounted := Mounted{Path: dir, ReadOnly: true}
	name := j.volume.Name
	if j.state.done[name] && content.equal(j.state.written[name]) {
		return mounted, nil
	}
	if !j.state.done[name] {
		if err := j.prepare(dir, memory); err != nil {
			return Mounted{}, err
		}
	}
	if err := write(dir, content, j.fsGroup(), j.now()); err != nil {
		return Mounted{}, err
	}
	j.state.done[name], j.state.written[name] = true, content
	return mounted, nil
}

// prepare makes the directory; what is secret lives in memory only.
func (j *job) prepare(dir string, memory bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if memory {
		at, err := j.Mounter.Mounted(dir)
		if err != nil {
			return err
		}
		if !at {
			if err := j.Mounter.Tmpfs(dir, "size=64m,mode=0755"); err != nil {
				return err
			}
		}
	}
	mode := fs.FileMode(0o777)
	if g := j.fsGroup(); g != nil {
		if err := os.Lchown(dir, -1, int(*g)); err != nil {
			return err
		}
		mode |= fs.ModeSetgid
	}
	return os.Chmod(dir, mode)
}

func (j *job) fsGroup() *int64 {
	if j.pod.Spec.SecurityContext == nil {
		return nil
	}
	return j.pod.Spec.SecurityContext.FSGroup
}

func (j *job) addSources(ctx context.Context, content payload, p *corev1.ProjectedVolumeSource) error {
	for i := range p.Sources {
		var err error
		switch s := &p.Sources[i]; {
		case s.ConfigMap != nil:
			err = j.addConfigMap(ctx, content, s.ConfigMap.Name, s.ConfigMap.Items, p.DefaultMode, s.ConfigMap.Optional)
		case s.Secret != nil:
			err = j.addSecret(ctx, content, s.Secret.Name, s.Secret.Items, p.DefaultMode, s.Secret.Optional)
		case s.DownwardAPI != nil:
			err = j.addDownward(content, s.DownwardAPI.Items, p.DefaultMode)
		case s.ServiceAccountToken != nil:
			err = j.addToken(ctx, content, s.ServiceAccountToken, p.DefaultMode)
		case s.ClusterTrustBundle != nil:
			err = j.addTrustBundle(ctx, content, s.ClusterTrustBundle, p.DefaultMode)
		case s.PodCertificate != nil:
			err = j.addCertificate(ctx, content, i, s.PodCertificate, p.DefaultMode)
		default:
			err = fmt.Errorf("sources[%d]: this projected source is not implemented on this node", i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *job) addConfigMap(ctx context.Context, content payload, name string, items []corev1.KeyToPath, mode *int32, optional *bool) error {
	cm, err := j.Source.ConfigMap(ctx, j.pod, name)
	if err != nil {
		if apierrors.IsNotFound(err) && optional != nil && *optional {
			return nil
		}
		return missing("configmap", name, err)
	}
	data := make(map[string][]byte, len(cm.Data)+len(cm.BinaryData))
	for k, v := range cm.Data {
		data[k] = []byte(v)
	}
	for k, v := range cm.BinaryData {
		data[k] = v
	}
	return pick(content, data, items, mode, optional, "configmap")
}

func (j *job) addSecret(ctx context.Context, content payload, name string, items []corev1.KeyToPath, mode *int32, optional *bool) error {
	s, err := j.Source.Secret(ctx, j.pod, name)
	if err != nil {
		if apierrors.IsNotFound(err) && optional != nil && *optional {
			return nil
		}
		return missing("secret", name, err)
	}
	return pick(content, s.Data, items, mode, optional, "secret")
}

func missing(kind, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %q not found", kind, name)
	}
	return fmt.Errorf("get %s %s: %w", kind, name, err)
}

// pick puts all keys into content, or those that items name, where they say.
func pick(content payload, data map[string][]byte, items []corev1.KeyToPath, mode *int32, optional *bool, kind string) error {
	if len(items) == 0 {
		for k, v := range data {
			content[k] = file{Data: v, Mode: perm(mode, nil), UID: -1}
		}
		return nil
	}
	for _, item := range items {
		v, ok := data[item.Key]
		if !ok {
			if optional != nil && *optional {
				continue
			}
			return fmt.Errorf("references non-existent %s key: %s", kind, item.Key)
		}
		content[item.Path] = file{Data: v, Mode: perm(mode, item.Mode), UID: -1}
	}
	return nil
}

func perm(mode, own *int32) fs.FileMode {
	if own != nil {
		mode = own
	}
	if mode == nil {
		return 0o644
	}
	return fs.FileMode(*mode) & 0o777
}

func (j *job) addDownward(content payload, items []corev1.DownwardAPIVolumeFile, mode *int32) error {
	for i := range items {
		item := &items[i]
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = j.Downward.Field(j.pod, item.FieldRef.FieldPath, j.ips)
		case item.ResourceFieldRef != nil:
			value, err = j.Downward.Resource(j.pod, nil, item.ResourceFieldRef)
		}
		if err != nil {
			return err
		}
		if !utf8.ValidString(value) {
			return fmt.Errorf("item %s is not valid UTF-8", item.Path)
		}
		content[item.Path] = file{Data: []byte(value), Mode: perm(mode, item.Mode), UID: -1}
	}
	return nil
}
