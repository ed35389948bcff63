package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const (
	sinceRelease11 = "deprecated in v1.11, non-functional in v1.16+"
	sinceRelease16 = "deprecated in v1.16, non-functional in v1.22+"
	sinceRelease22 = "deprecated in v1.22, non-functional in v1.25+"
	sinceRelease25 = "deprecated in v1.25, non-functional in v1.26+"
	sinceRelease28 = "deprecated in v1.28, non-functional in v1.31+"
)

// oldPlugin is a kind of volume that is deprecated or gone.
type oldPlugin struct {
	used bool
	name string
	text string
}

func (w *warnings) plugins(path *field.Path, plugins ...oldPlugin) {
	for _, p := range plugins {
		if p.used {
			w.add(path.Child(p.name), "%s", p.text)
		}
	}
}

func (w *warnings) volume(v *corev1.Volume, path *field.Path) {
	w.plugins(path,
		oldPlugin{v.PhotonPersistentDisk != nil, "photonPersistentDisk", sinceRelease11},
		oldPlugin{v.GitRepo != nil, "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"},
		oldPlugin{v.ScaleIO != nil, "scaleIO", sinceRelease16},
		oldPlugin{v.Flocker != nil, "flocker", sinceRelease22},
		oldPlugin{v.StorageOS != nil, "storageOS", sinceRelease22},
		oldPlugin{v.Quobyte != nil, "quobyte", sinceRelease22},
		oldPlugin{v.Glusterfs != nil, "glusterfs", sinceRelease25})
	if v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil {
		w.claim(&v.Ephemeral.VolumeClaimTemplate.Spec, path.Child("ephemeral", "volumeClaimTemplate", "spec"))
	}
	w.plugins(path,
		oldPlugin{v.CephFS != nil, "cephfs", sinceRelease28},
		oldPlugin{v.RBD != nil, "rbd", sinceRelease28})
}

func persistentVolumeWarnings(v, _ *corev1.PersistentVolume) []string {
	var all warnings
	annotations, path := field.NewPath("metadata", "annotations"), field.NewPath("spec")
	if _, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		all.add(annotations.Key(corev1.BetaStorageClassAnnotation), `deprecated since v1.8; use "storageClassName" attribute instead`)
	}
	if _, ok := v.Annotations[corev1.MountOptionAnnotation]; ok {
		all.add(annotations.Key(corev1.MountOptionAnnotation), `deprecated since v1.31; use "mountOptions" attribute instead`)
	}
	if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		all.add(path.Child("persistentVolumeReclaimPolicy"),
			"The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	}
	if a := v.Spec.NodeAffinity; a != nil {
		all = append(all, NodeSelectorWarnings(a.Required, path.Child("nodeAffinity", "required"))...)
	}
	s := &v.Spec.PersistentVolumeSource
	all.plugins(path,
		oldPlugin{s.CephFS != nil, "cephfs", sinceRelease28},
		oldPlugin{s.PhotonPersistentDisk != nil, "photonPersistentDisk", sinceRelease11},
		oldPlugin{s.ScaleIO != nil, "scaleIO", sinceRelease16},
		oldPlugin{s.StorageOS != nil, "storageOS", sinceRelease22},
		oldPlugin{s.Glusterfs != nil, "glusterfs", sinceRelease25},
		oldPlugin{s.RBD != nil, "rbd", sinceRelease28})
	return all
}

func persistentVolumeClaimWarnings(c, _ *corev1.PersistentVolumeClaim) []string {
	var all warnings
	if _, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		all.add(field.NewPath("metadata", "annotations").Key(corev1.BetaStorageClassAnnotation), `deprecated since v1.8; use "storageClassName" attribute instead`)
	}
	all.claim(&c.Spec, field.NewPath("spec"))
	return all
}

// ClaimWarnings are those about the claim that a workload makes.
func ClaimWarnings(s *corev1.PersistentVolumeClaimSpec, path *field.Path) []string {
	var all warnings
	all.claim(s, path)
	return all
}

func (w *warnings) claim(s *corev1.PersistentVolumeClaimSpec, path *field.Path) {
	w.fraction(s.Resources.Requests, corev1.ResourceStorage, path.Child("resources", "requests"))
	w.fraction(s.Resources.Limits, corev1.ResourceStorage, path.Child("resources", "limits"))
}

// fileAt is a file that a volume makes, and of which of its sources.
type fileAt struct{ path, source string }

func (f fileAt) String() string {
	if f.source == "" {
		return strconv.Quote(f.path)
	}
	return fmt.Sprintf("%q (%s)", f.path, f.source)
}

// overlaps warns about files of one volume of which one hides the other.
func (w *warnings) overlaps(v *corev1.Volume) {
	switch {
	case v.ConfigMap != nil:
		w.overlap(v.Name, fmt.Sprintf("ConfigMap %q", v.ConfigMap.Name), keyPaths(v.ConfigMap.Items, ""))
	case v.Secret != nil:
		w.overlap(v.Name, fmt.Sprintf("Secret %q", v.Secret.SecretName), keyPaths(v.Secret.Items, ""))
	case v.DownwardAPI != nil:
		w.overlap(v.Name, "DownwardAPI", filePaths(v.DownwardAPI.Items, ""))
	case v.Projected != nil:
		var files []fileAt
		for i := range v.Projected.Sources {
			s := &v.Projected.Sources[i]
			if *s == (corev1.VolumeProjection{}) {
				*w = append(*w, fmt.Sprintf("volume %q (Projected) has no sources provided", v.Name))
			}
			files = append(files, projected(s)...)
		}
		w.overlap(v.Name, "Projected", files)
	}
}

// projected are the files of a source of a projected volume.
func projected(s *corev1.VolumeProjection) []fileAt {
	switch {
	case s.ConfigMap != nil && s.ConfigMap.Items != nil:
		return keyPaths(s.ConfigMap.Items, fmt.Sprintf("ConfigMap %q", s.ConfigMap.Name))
	case s.Secret != nil && s.Secret.Items != nil:
		return keyPaths(s.Secret.Items, fmt.Sprintf("Secret %q", s.Secret.Name))
	case s.DownwardAPI != nil && s.DownwardAPI.Items != nil:
		return filePaths(s.DownwardAPI.Items, "DownwardAPI")
	case s.ServiceAccountToken != nil:
		return []fileAt{{s.ServiceAccountToken.Path, "ServiceAccountToken"}}
	case s.ClusterTrustBundle != nil:
		name := s.ClusterTrustBundle.Name
		if name == nil {
			name = s.ClusterTrustBundle.SignerName
		}
		return []fileAt{{s.ClusterTrustBundle.Path, fmt.Sprintf("ClusterTrustBundle %q", ptr.Deref(name, ""))}}
	case s.PodCertificate != nil:
		return slices.DeleteFunc([]fileAt{
			{s.PodCertificate.CertificateChainPath, "PodCertificate chain"},
			{s.PodCertificate.KeyPath, "PodCertificate key"},
			{s.PodCertificate.CredentialBundlePath, "PodCertificate credential bundle"},
		}, func(f fileAt) bool { return f.path == "" })
	}
	return nil
}

// overlap warns of each file that is another before it, lies in it or has it
// within.
func (w *warnings) overlap(volume, kind string, files []fileAt) {
	var seen []fileAt
	for _, f := range files {
		if f.path = strings.TrimRight(f.path, "/"); f.path == "" {
			continue
		}
		for _, other := range seen {
			if strings.HasPrefix(other.path+"/", f.path+"/") || strings.HasPrefix(f.path+"/", other.path+"/") {
				*w = append(*w, fmt.Sprintf("volume %q (%s): overlapping paths: %s with %s", volume, kind, f, other))
			}
		}
		seen = append(seen, f)
	}
}

func keyPaths(items []corev1.KeyToPath, source string) []fileAt {
	var all []fileAt
	for _, item := range items {
		all = append(all, fileAt{item.Path, source})
	}
	return all
}

func filePaths(items []corev1.DownwardAPIVolumeFile, source string) []fileAt {
	var all []fileAt
	for _, item := range items {
		all = append(all, fileAt{item.Path, source})
	}
	return all
}
