package core

import (
	"fmt"
	"slices"
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
		oldPlugin{v.GitRepo != nil, "gitRepo", "deprecated in v1.11"},
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
	storage := func(list corev1.ResourceList) corev1.ResourceList {
		if q, ok := list[corev1.ResourceStorage]; ok {
			return corev1.ResourceList{corev1.ResourceStorage: q}
		}
		return nil
	}
	w.fraction(storage(s.Resources.Requests), path.Child("resources", "requests"))
	w.fraction(storage(s.Resources.Limits), path.Child("resources", "limits"))
}

// tokenPaths warns about files of projected volumes that take a token's place.
func (w *warnings) tokenPaths(volumes []corev1.Volume, path *field.Path) {
	tokens := map[string]bool{}
	var sources []projectionAt
	for i := range volumes {
		if volumes[i].Projected == nil {
			continue
		}
		for j := range volumes[i].Projected.Sources {
			s := &volumes[i].Projected.Sources[j]
			sources = append(sources, projectionAt{s, path.Index(i).Child("projected", "sources")})
			if s.ServiceAccountToken != nil {
				tokens[s.ServiceAccountToken.Path] = true
			}
		}
	}
	tell := func(at *field.Path, name string) {
		if tokens[name] {
			w.add(at, "has duplicated path with ServiceAccountToken %q", name)
		}
	}
	for _, s := range sources {
		if s.ConfigMap != nil {
			for j, item := range s.ConfigMap.Items {
				tell(s.at.Child("configMap").Index(j), item.Path)
			}
		}
		if s.Secret != nil {
			for j, item := range s.Secret.Items {
				tell(s.at.Child("secrets").Index(j), item.Path)
			}
		}
		if s.DownwardAPI != nil {
			for j, item := range s.DownwardAPI.Items {
				tell(s.at.Child("downwardAPI").Index(j), item.Path)
			}
		}
		if s.ClusterTrustBundle != nil {
			tell(s.at.Child("ClusterTrustBundle"), s.ClusterTrustBundle.Path)
		}
	}
}

// projectionAt is a source of a projected volume and where it is.
type projectionAt struct {
	*corev1.VolumeProjection
	at *field.Path
}

// overlaps warns about files of one volume of which one hides the other.
func (w *warnings) overlaps(v *corev1.Volume) {
	switch {
	case v.ConfigMap != nil:
		w.overlap(keyPaths(v.ConfigMap.Items), "volume %q (ConfigMap %q)", v.Name, v.ConfigMap.Name)
	case v.Secret != nil:
		w.overlap(keyPaths(v.Secret.Items), "volume %q (Secret %q)", v.Name, v.Secret.SecretName)
	case v.DownwardAPI != nil:
		w.overlap(filePaths(v.DownwardAPI.Items), "volume %q (DownwardAPI)", v.Name)
	case v.Projected != nil:
		var before []string
		for i := range v.Projected.Sources {
			before = w.projected(v.Name, &v.Projected.Sources[i], before)
		}
	}
}

// projected compares the files of a source with each other and with those of
// the sources before, and returns them all.
func (w *warnings) projected(volume string, s *corev1.VolumeProjection, before []string) []string {
	var paths []string
	what := fmt.Sprintf("volume %q (Projected ", volume)
	switch {
	case s.ConfigMap != nil:
		paths, what = keyPaths(s.ConfigMap.Items), what+fmt.Sprintf("ConfigMap %q)", s.ConfigMap.Name)
	case s.Secret != nil:
		paths, what = keyPaths(s.Secret.Items), what+fmt.Sprintf("Secret %q)", s.Secret.Name)
	case s.DownwardAPI != nil:
		paths, what = filePaths(s.DownwardAPI.Items), what+"DownwardAPI)"
	case s.ServiceAccountToken != nil:
		paths, what = []string{s.ServiceAccountToken.Path}, what+"ServiceAccountToken)"
	case s.ClusterTrustBundle != nil:
		name := s.ClusterTrustBundle.Name
		if name == nil {
			name = s.ClusterTrustBundle.SignerName
		}
		paths, what = []string{s.ClusterTrustBundle.Path}, what+fmt.Sprintf("ClusterTrustBundle %q)", ptr.Deref(name, ""))
	case s.PodCertificate == nil:
		*w = append(*w, fmt.Sprintf("volume %q (Projected) has no sources provided", volume))
		return before
	}
	w.overlap(paths, "%s", what)
	mine := slices.Compact(slices.Sorted(slices.Values(paths)))
	all := append(mine, before...)
	slices.Sort(all)
	if len(mine) > 0 {
		w.overlap(all, "%s", what)
	}
	return all
}

func (w *warnings) overlap(paths []string, format string, args ...any) {
	var seen []string
	for _, path := range paths {
		path = strings.TrimRight(path, "/")
		i := slices.IndexFunc(seen, func(other string) bool {
			return path != "" && other != "" && (strings.HasPrefix(other+"/", path) || strings.HasPrefix(path+"/", other))
		})
		if i >= 0 {
			*w = append(*w, fmt.Sprintf(format, args...)+fmt.Sprintf(": overlapping paths: %q with %q", path, seen[i]))
		}
		seen = append(seen, path)
	}
}

func keyPaths(items []corev1.KeyToPath) []string {
	var all []string
	for _, item := range items {
		all = append(all, item.Path)
	}
	return all
}

func filePaths(items []corev1.DownwardAPIVolumeFile) []string {
	var all []string
	for _, item := range items {
		all = append(all, item.Path)
	}
	return all
}
