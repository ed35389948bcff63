package volume

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// source is a cluster in a map.
type source struct {
	configMaps map[string]*corev1.ConfigMap
	tokens     int
	bundles    []*certificatesv1.ClusterTrustBundle
	requests   []*certificatesv1.PodCertificateRequest
	events     []string
	now        func() time.Time
}

func (s *source) ConfigMap(_ context.Context, _ *corev1.Pod, name string) (*corev1.ConfigMap, error) {
	if cm := s.configMaps[name]; cm != nil {
		return cm, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, name)
}

func (s *source) Secret(_ context.Context, _ *corev1.Pod, name string) (*corev1.Secret, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name)
}

func (s *source) Claim(context.Context, string, string) (*corev1.PersistentVolumeClaim, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "persistentvolumeclaims"}, "x")
}

func (s *source) Volume(context.Context, string) (*corev1.PersistentVolume, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "persistentvolumes"}, "x")
}

func (s *source) Token(_ context.Context, _, _ string, r *authenticationv1.TokenRequest) (*authenticationv1.TokenRequest, error) {
	s.tokens++
	r.Status.Token = strings.Repeat("t", s.tokens)
	r.Status.ExpirationTimestamp = metav1.NewTime(s.now().Add(time.Duration(*r.Spec.ExpirationSeconds) * time.Second))
	return r, nil
}

func (s *source) TrustBundles(context.Context, *corev1.Pod) ([]*certificatesv1.ClusterTrustBundle, error) {
	return s.bundles, nil
}

func (s *source) RequestCertificate(_ context.Context, _ *corev1.Pod, r *certificatesv1.PodCertificateRequest) (*certificatesv1.PodCertificateRequest, error) {
	r.Name = fmt.Sprint(len(s.requests))
	s.requests = append(s.requests, r)
	return r, nil
}

func (s *source) CertificateRequest(_ context.Context, _ *corev1.Pod, name string) (*certificatesv1.PodCertificateRequest, bool, error) {
	for _, r := range s.requests {
		if r != nil && r.Name == name {
			return r, true, nil
		}
	}
	return nil, false, nil
}

// field answers every downward field with its path.
type field struct{}

func (field) Field(_ *corev1.Pod, path string, _ []string) (string, error) { return path, nil }
func (field) Resource(*corev1.Pod, *corev1.Container, *corev1.ResourceFieldSelector) (string, error) {
	return "1", nil
}

// unmounted pretends that nothing is ever mounted.
type unmounted struct{ bound []string }

func (*unmounted) Tmpfs(string, string) error       { return nil }
func (*unmounted) Unmount(string) error             { return nil }
func (*unmounted) Mounted(string) (bool, error)     { return false, nil }
func (*unmounted) Beneath(string) ([]string, error) { return nil, nil }
func (u *unmounted) Bind(f *os.File, _ string) error {
	at, err := os.Readlink("/proc/self/fd/" + itoa(f.Fd()))
	u.bound = append(u.bound, at)
	return err
}

func itoa(n uintptr) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func manager(t *testing.T) (*Manager, *source) {
	s := &source{configMaps: map[string]*corev1.ConfigMap{}, now: time.Now}
	return &Manager{Root: t.TempDir(), Source: s, Downward: field{}, Mounter: &unmounted{},
		Record: func(_ *corev1.Pod, _, reason, _ string) { s.events = append(s.events, reason) }}, s
}

func podWith(v ...corev1.Volume) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Spec: corev1.PodSpec{Volumes: v}}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestConfigMapVolumeIsReplacedAtOnce(t *testing.T) {
	m, s := manager(t)
	s.configMaps["cm"] = &corev1.ConfigMap{Data: map[string]string{"a": "1", "b": "1"}}
	mode := int32(0o440)
	pod := podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}, DefaultMode: &mode}}})
	mount := func() string {
		v, err := m.Mount(t.Context(), pod, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.Paths["v"].Path
	}
	dir := mount()
	first, _ := os.Readlink(filepath.Join(dir, "..data"))
	if read(t, dir+"/a") != "1" || !strings.HasPrefix(first, "..2") {
		t.Fatal("first content is wrong")
	}
	if info, _ := os.Stat(dir + "/a"); info.Mode().Perm() != 0o440 {
		t.Errorf("mode %v", info.Mode())
	}
	mount()
	m.pods = nil // another life of the kubelet
	mount()
	if again, _ := os.Readlink(filepath.Join(dir, "..data")); again != first {
		t.Error("unchanged content was written again")
	}
	s.configMaps["cm"] = &corev1.ConfigMap{Data: map[string]string{"a": "2", "sub": "3"}}
	mount()
	if read(t, dir+"/a") != "2" || read(t, dir+"/sub") != "3" {
		t.Error("the change did not arrive")
	}
	if _, err := os.Lstat(dir + "/b"); !os.IsNotExist(err) {
		t.Error("a removed key is still there")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 4 { // ..data, its target, a, sub
		t.Errorf("left over: %v", entries)
	}
	if err := m.Remove(pod.UID); err != nil {
		t.Fatal(err)
	}
	if left, _ := m.Pods(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRefusedAndMissing(t *testing.T) {
	m, s := manager(t)
	s.configMaps["cm"] = &corev1.ConfigMap{Data: map[string]string{"a": "1"}}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	directory := corev1.HostPathDirectory
	for want, v := range map[string]corev1.VolumeSource{
		`configmap "no" not found`: {ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "no"}}},
		`secret "no" not found`:    {Secret: &corev1.SecretVolumeSource{SecretName: "no"}},
		`references non-existent configmap key: z`: {ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}, Items: []corev1.KeyToPath{{Key: "z", Path: "z"}}}},
		`must not contain '..'`: {ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}, Items: []corev1.KeyToPath{{Key: "a", Path: "x/../y"}}}},
		`must not start with '..'`: {ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "cm"}, Items: []corev1.KeyToPath{{Key: "a", Path: "..data"}}}},
		`is not a directory`:    {HostPath: &corev1.HostPathVolumeSource{Path: file, Type: &directory}},
		`gitRepo`:               {GitRepo: &corev1.GitRepoVolumeSource{Repository: "https://x"}},
		`no volume plugin`:      {NFS: &corev1.NFSVolumeSource{}},
		`persistentvolumeclaim`: {PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}},
	} {
		_, err := m.Mount(t.Context(), podWith(corev1.Volume{Name: "v", VolumeSource: v}), nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `MountVolume.SetUp failed for volume "v" : `) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestTokenIsRefreshed(t *testing.T) {
	m, s := manager(t)
	now := time.Now()
	m.Now = func() time.Time { return now }
	s.now = m.Now
	hour := int64(3600)
	pod := podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: &hour}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "d/ns", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}},
	}}}})
	for i, want := range []string{"t", "t", "tt"} {
		v, err := m.Mount(t.Context(), pod, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, v.Paths["v"].Path+"/token"); got != want || read(t, v.Paths["v"].Path+"/d/ns") != "metadata.namespace" {
			t.Errorf("%d: token %q", i, got)
		}
		if left := v.Refresh.Sub(now); left > 48*time.Minute || left <= 0 {
			t.Errorf("refresh in %v", left)
		}
		now = now.Add(25 * time.Minute)
	}
}

// TestCVE202125741SubPath: a container swaps what its subPath names for a link
// to the node's files (also CVE-2017-1002101, CVE-2017-1002102).
func TestCVE202125741SubPath(t *testing.T) {
	m, _ := manager(t)
	dir, outside := t.TempDir(), t.TempDir()
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(outside, "absolute")
	link("../"+filepath.Base(outside), "relative")
	link("/proc/self/root", "magic")
	if err := os.MkdirAll(filepath.Join(dir, "real/sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	link("real", "inside")
	mount := func(path string) error {
		_, err := m.MountSubPath(SubPath{Pod: podWith(), Container: "c", Volume: "v", Dir: dir, Path: path})
		return err
	}
	for _, path := range []string{"absolute", "relative", "magic", "absolute/x", "relative/x", "../x", "/etc", "real/../../x"} {
		if err := mount(path); err == nil {
			t.Errorf("%s was mounted", path)
		}
	}
	for path, want := range map[string]string{"inside/sub": "real/sub", "new/deep": "new/deep", "inside/new": "real/new"} {
		if err := mount(path); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		bound := m.Mounter.(*unmounted).bound
		if got := bound[len(bound)-1]; got != filepath.Join(dir, want) {
			t.Errorf("%s bound %s", path, got)
		}
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 0 {
		t.Errorf("something was made outside: %v", entries)
	}
}

// TestKernelMounts makes real mounts.
func TestKernelMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	m, _ := manager(t)
	m.Mounter = Kernel{}
	gid := int64(4321)
	pod := podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}})
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: &gid}
	v, err := m.Mount(t.Context(), pod, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Remove(pod.UID); err != nil {
			t.Error(err)
		}
	})
	dir := v.Paths["v"].Path
	if at, err := m.Mounter.Mounted(dir); err != nil || !at {
		t.Errorf("mounted %v, %v", at, err)
	}
	if info, _ := os.Stat(dir); info.Mode()&os.ModeSetgid == 0 {
		t.Errorf("mode %v", info.Mode())
	}
	for range 2 { // a restart of the container replaces the mount
		path, err := m.MountSubPath(SubPath{Pod: pod, Container: "c", Volume: "v", Dir: dir, Path: "a/b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"/x", []byte("1"), 0o600); err != nil || read(t, dir+"/a/b/x") != "1" {
			t.Error("the subPath is not the volume's", err)
		}
	}
	if mounts, _ := m.Mounter.Beneath(m.podDir(pod.UID)); len(mounts) != 2 {
		t.Errorf("mounts %v", mounts)
	}
}
