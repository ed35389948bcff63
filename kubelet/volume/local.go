package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
)

// emptyDir makes a directory that lives as long as the pod, on disk or in memory.
func (j *job) emptyDir(source *corev1.EmptyDirVolumeSource) (Mounted, error) {
	dir := j.dir("empty-dir")
	out := Mounted{Path: dir}
	if j.state.done[j.volume.Name] {
		return out, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return Mounted{}, err
	}
	switch source.Medium {
	case corev1.StorageMediumDefault:
	case corev1.StorageMediumMemory:
		at, err := j.Mounter.Mounted(dir)
		if err != nil {
			return Mounted{}, err
		}
		if !at {
			if err := j.Mounter.Tmpfs(dir, j.memorySize(source)); err != nil {
				return Mounted{}, err
			}
		}
	default:
		return Mounted{}, fmt.Errorf("emptyDir medium %q is not implemented on this node", source.Medium)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return Mounted{}, err
	}
	if err := j.own(dir); err != nil {
		return Mounted{}, err
	}
	j.state.done[j.volume.Name] = true
	return out, nil
}

// memorySize bounds a memory volume by its own limit and the pod's.
func (j *job) memorySize(source *corev1.EmptyDirVolumeSource) string {
	limits := resourcehelper.PodLimits(j.pod, resourcehelper.PodResourcesOptions{})
	size := limits.Memory().Value()
	for i := range j.pod.Spec.Containers {
		if j.pod.Spec.Containers[i].Resources.Limits.Memory().IsZero() {
			size = 0
		}
	}
	if own := source.SizeLimit; own != nil && own.Value() > 0 && (size == 0 || own.Value() < size) {
		size = own.Value()
	}
	if size == 0 {
		return "mode=0777"
	}
	return fmt.Sprintf("mode=0777,size=%d", size)
}

// own gives all of dir to the pod's fsGroup, readable and writable.
func (j *job) own(dir string) error {
	gid := j.fsGroup()
	if gid == nil {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := root.Lchown(name, -1, int(*gid)); err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		mode := info.Mode() | 0o660
		if d.IsDir() {
			mode |= 0o110 | fs.ModeSetgid
		}
		return root.Chmod(name, mode)
	})
}

// hostPath checks, or makes, what the volume names on the node.
func (j *job) hostPath(source *corev1.HostPathVolumeSource) (Mounted, error) {
	kind := corev1.HostPathUnset
	if source.Type != nil {
		kind = *source.Type
	}
	path := filepath.Clean(source.Path)
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Mounted{}, err
	}
	if err != nil {
		if err := createHostPath(path, kind); err != nil {
			return Mounted{}, err
		}
		return Mounted{Path: path}, nil
	}
	mode := info.Mode()
	is := map[corev1.HostPathType]bool{
		corev1.HostPathUnset:             true,
		corev1.HostPathDirectoryOrCreate: mode.IsDir(), corev1.HostPathDirectory: mode.IsDir(),
		corev1.HostPathFileOrCreate: mode.IsRegular(), corev1.HostPathFile: mode.IsRegular(),
		corev1.HostPathSocket:   mode&fs.ModeSocket != 0,
		corev1.HostPathCharDev:  mode&fs.ModeCharDevice != 0,
		corev1.HostPathBlockDev: mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0,
	}
	if !is[kind] {
		return Mounted{}, fmt.Errorf("hostPath type check failed: %s is not a %s", path, hostPathNames[kind])
	}
	return Mounted{Path: path}, nil
}

var hostPathNames = map[corev1.HostPathType]string{
	corev1.HostPathDirectoryOrCreate: "directory", corev1.HostPathDirectory: "directory",
	corev1.HostPathFileOrCreate: "file", corev1.HostPathFile: "file", corev1.HostPathSocket: "socket file",
	corev1.HostPathCharDev: "character device", corev1.HostPathBlockDev: "block device",
}

func createHostPath(path string, kind corev1.HostPathType) error {
	switch kind {
	case corev1.HostPathUnset, corev1.HostPathDirectoryOrCreate:
		return os.MkdirAll(path, 0o755)
	case corev1.HostPathFileOrCreate:
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	}
	return fmt.Errorf("hostPath type check failed: %s is not a %s", path, hostPathNames[kind])
}

// claim finds the volume behind a claim. Only volumes that are directories of
// this node are implemented.
func (j *job) claim(ctx context.Context, name string, readOnly bool) (Mounted, error) {
	pvc, err := j.Source.Claim(ctx, j.pod.Namespace, name)
	if err != nil {
		return Mounted{}, missing("persistentvolumeclaim", name, err)
	}
	if pvc.DeletionTimestamp != nil {
		return Mounted{}, fmt.Errorf("persistentvolumeclaim %q is being deleted", name)
	}
	if pvc.Spec.VolumeName == "" || pvc.Status.Phase != corev1.ClaimBound {
		return Mounted{}, fmt.Errorf("persistentvolumeclaim %q is not bound", name)
	}
	pv, err := j.Source.Volume(ctx, pvc.Spec.VolumeName)
	if err != nil {
		return Mounted{}, missing("persistentvolume", pvc.Spec.VolumeName, err)
	}
	if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID != pvc.UID {
		return Mounted{}, fmt.Errorf("persistentvolume %q is not bound to claim %q", pv.Name, name)
	}
	var out Mounted
	switch {
	case pv.Spec.HostPath != nil:
		out, err = j.hostPath(pv.Spec.HostPath)
	case pv.Spec.Local != nil:
		out = Mounted{Path: filepath.Clean(pv.Spec.Local.Path)}
		if _, err = os.Stat(out.Path); err == nil && !j.state.done[j.volume.Name] {
			err = j.own(out.Path)
		}
	default:
		err = fmt.Errorf("persistentvolume %q: no volume plugin matched: this volume type is not implemented on this node", pv.Name)
	}
	if err != nil {
		return Mounted{}, err
	}
	j.state.done[j.volume.Name] = true
	out.ReadOnly = out.ReadOnly || readOnly
	return out, nil
}
