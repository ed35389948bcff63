// Package volume makes a pod's volumes on the node and takes them away again.
// Mount may be called at any time and again: it brings the disk to what the
// pod and the objects it refers to say, and does nothing when that is so.
//
// Whatever a container can write into is opened beneath a directory descriptor
// and mounted by descriptor, so that a symlink cannot lead outside.
package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/kubelet/spec"
)

// Source is what volumes read from the cluster.
type Source interface {
	ConfigMap(ctx context.Context, pod *corev1.Pod, name string) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, pod *corev1.Pod, name string) (*corev1.Secret, error)
	Claim(ctx context.Context, namespace, name string) (*corev1.PersistentVolumeClaim, error)
	Volume(ctx context.Context, name string) (*corev1.PersistentVolume, error)
	Token(ctx context.Context, namespace, account string, request *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error)
	// TrustBundles returns all ClusterTrustBundles.
	TrustBundles(ctx context.Context, pod *corev1.Pod) ([]*certificatesv1.ClusterTrustBundle, error)
	// RequestCertificate posts a request for the pod, and says who the pod, its
	// account and its node are.
	RequestCertificate(ctx context.Context, pod *corev1.Pod, request *certificatesv1.PodCertificateRequest) (*certificatesv1.PodCertificateRequest, error)
	// CertificateRequest returns one of the pod's requests, false when it is not there.
	CertificateRequest(ctx context.Context, pod *corev1.Pod, name string) (*certificatesv1.PodCertificateRequest, bool, error)
}

// Downward resolves what the downward API offers.
type Downward interface {
	Field(pod *corev1.Pod, path string, ips []string) (string, error)
	Resource(pod *corev1.Pod, container *corev1.Container, ref *corev1.ResourceFieldSelector) (string, error)
}

// Manager makes the volumes of one node's pods.
type Manager struct {
	// Root is the kubelet's directory; pods live in Root/pods.
	Root     string
	Source   Source
	Downward Downward
	Mounter  Mounter
	// Record tells of what happens to a pod's volumes; may be nil.
	Record func(pod *corev1.Pod, kind, reason, message string)
	// Now is the clock of token refreshes; time.Now when nil.
	Now func() time.Time

	mu   sync.Mutex // guards pods
	pods map[types.UID]*podState
}

// podState belongs to the pod's worker; nobody else touches it.
type podState struct {
	written map[string]payload
	done    map[string]bool
	tokens  map[string]*token
	certs   map[string]*certificate
}

// Volumes are a pod's mounted volumes, by name.
type Volumes struct {
	Paths map[string]Mounted
	// Refresh is when Mount wants to be called again at the latest, zero for
	// not before something changes.
	Refresh time.Time
}

// Mounted is one volume as containers can use it.
type Mounted struct {
	Path     string
	ReadOnly bool
	// Image is set for image volumes, which the runtime mounts itself.
	Image string
	// PullPolicy of an image volume.
	PullPolicy corev1.PullPolicy
}

// Error says which volume could not be made; it shows as a FailedMount event.
type Error struct {
	Volume string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("MountVolume.SetUp failed for volume %q : %v", e.Volume, e.Err)
}
func (e *Error) Unwrap() error { return e.Err }

func (m *Manager) state(uid types.UID) *podState {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pods == nil {
		m.pods = map[types.UID]*podState{}
	}
	s := m.pods[uid]
	if s == nil {
		s = &podState{written: map[string]payload{}, done: map[string]bool{}, tokens: map[string]*token{}, certs: map[string]*certificate{}}
		m.pods[uid] = s
	}
	return s
}

func (m *Manager) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

func (m *Manager) podDir(uid types.UID) string { return filepath.Join(m.Root, "pods", string(uid)) }

// job is the making of one volume.
type job struct {
	*Manager
	pod     *corev1.Pod
	state   *podState
	volume  *corev1.Volume
	ips     []string
	refresh time.Time
}

// again asks for another Mount at t at the latest.
func (j *job) again(t time.Time) {
	if j.refresh.IsZero() || t.Before(j.refresh) {
		j.refresh = t
	}
}

// Mount brings all volumes of the pod to their wanted state. ips are the pod's
// addresses so far, for the downward API. The error is an *Error for each
// volume that failed, joined.
func (m *Manager) Mount(ctx context.Context, pod *corev1.Pod, ips []string) (Volumes, error) {
	out := Volumes{Paths: map[string]Mounted{}}
	state := m.state(pod.UID)
	var errs []error
	for i := range pod.Spec.Volumes {
		j := &job{Manager: m, pod: pod, state: state, volume: &pod.Spec.Volumes[i], ips: ips}
		mounted, err := j.mount(ctx)
		if err != nil {
			errs = append(errs, &Error{Volume: j.volume.Name, Err: err})
			continue
		}
		out.Paths[j.volume.Name] = mounted
		if !j.refresh.IsZero() && (out.Refresh.IsZero() || j.refresh.Before(out.Refresh)) {
			out.Refresh = j.refresh
		}
	}
	return out, errors.Join(errs...)
}

func (j *job) mount(ctx context.Context) (Mounted, error) {
	switch v := j.volume; {
	case v.EmptyDir != nil:
		return j.emptyDir(v.EmptyDir)
	case v.HostPath != nil:
		return j.hostPath(v.HostPath)
	case v.ConfigMap != nil, v.Secret != nil, v.DownwardAPI != nil, v.Projected != nil:
		return j.projected(ctx)
	case v.PersistentVolumeClaim != nil:
		return j.claim(ctx, v.PersistentVolumeClaim.ClaimName, v.PersistentVolumeClaim.ReadOnly)
	case v.Ephemeral != nil:
		return j.claim(ctx, j.pod.Name+"-"+v.Name, false)
	case v.Image != nil:
		return Mounted{Image: v.Image.Reference, PullPolicy: v.Image.PullPolicy, ReadOnly: true}, nil
	case v.GitRepo != nil:
		return Mounted{}, errors.New("gitRepo volumes are refused: they run commands of the repository on the node; clone in an init container instead")
	}
	return Mounted{}, fmt.Errorf("no volume plugin matched: this volume type is not implemented on this node")
}

// dir is where this volume of the given plugin lives.
func (j *job) dir(plugin string) string {
	return spec.VolumeDir(j.podDir(j.pod.UID), plugin, j.volume.Name)
}

// Unmount takes all mounts of the pod away and forgets it. Files stay until
// Remove.
func (m *Manager) Unmount(uid types.UID) error {
	m.mu.Lock()
	delete(m.pods, uid)
	m.mu.Unlock()
	mounts, err := m.Mounter.Beneath(m.podDir(uid))
	if err != nil {
		return fmt.Errorf("unmount volumes of pod %s: %w", uid, err)
	}
	var errs []error
	// The deepest go first: one mount may lie on another.
	for i := len(mounts) - 1; i >= 0; i-- {
		if err := m.Mounter.Unmount(mounts[i]); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", mounts[i], err))
		}
	}
	return errors.Join(errs...)
}

// Remove unmounts the pod's volumes and deletes the pod's directory. It refuses
// while anything is mounted there, since that would delete what is not ours.
func (m *Manager) Remove(uid types.UID) error {
	if err := m.Unmount(uid); err != nil {
		return err
	}
	mounts, err := m.Mounter.Beneath(m.podDir(uid))
	if err != nil {
		return fmt.Errorf("remove directory of pod %s: %w", uid, err)
	}
	if len(mounts) > 0 {
		return fmt.Errorf("remove directory of pod %s: %s is still mounted", uid, mounts[0])
	}
	root, err := os.OpenRoot(filepath.Join(m.Root, "pods"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.RemoveAll(string(uid)); err != nil {
		return fmt.Errorf("remove directory of pod %s: %w", uid, err)
	}
	return nil
}

// Pods lists the pods that have a directory, which may be left from an earlier
// life of the kubelet.
func (m *Manager) Pods() ([]types.UID, error) {
	entries, err := os.ReadDir(filepath.Join(m.Root, "pods"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []types.UID
	for _, e := range entries {
		out = append(out, types.UID(e.Name()))
	}
	return out, err
}
