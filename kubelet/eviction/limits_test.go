package eviction

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/kubelet/status"
)

func storing(name, limit string) corev1.Container {
	c := corev1.Container{Name: name}
	if limit != "" {
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse(limit)}
	}
	return c
}

func emptyDir(name, limit string, medium corev1.StorageMedium) corev1.Volume {
	source := &corev1.EmptyDirVolumeSource{Medium: medium}
	if limit != "" {
		q := resource.MustParse(limit)
		source.SizeLimit = &q
	}
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: source}}
}

func TestExceeded(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	sidecar := storing("side", "1Mi")
	sidecar.RestartPolicy = &always
	const mi = 1 << 20
	for name, c := range map[string]struct {
		spec corev1.PodSpec
		used Disk
		want string
	}{
		"within": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "2Mi")}}, Disk{Containers: map[string]int64{"a": 2 * mi}}, ""},
		"a container beyond the pod's limit": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "2Mi")}},
			Disk{Containers: map[string]int64{"a": 2*mi + 1}}, "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. "},
		"a container beyond its own": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "1Mi"), storing("b", "9Mi")}},
			Disk{Containers: map[string]int64{"a": 2 * mi, "b": 1}}, `Container a exceeded its local ephemeral storage limit "1Mi". `},
		"a sidecar beyond its own": {corev1.PodSpec{InitContainers: []corev1.Container{sidecar}, Containers: []corev1.Container{storing("b", "9Mi")}},
			Disk{Containers: map[string]int64{"side": 2 * mi}}, `Container side exceeded its local ephemeral storage limit "1Mi". `},
		"an init container": {corev1.PodSpec{InitContainers: []corev1.Container{storing("init", "1Mi")}, Containers: []corev1.Container{storing("b", "9Mi")}},
			Disk{Containers: map[string]int64{"init": 2 * mi}}, ""},
		"a volume beyond its limit": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "")}, Volumes: []corev1.Volume{emptyDir("v", "1Mi", "")}},
			Disk{EmptyDirs: map[string]int64{"v": 2 * mi}}, `Usage of EmptyDir volume "v" exceeds the limit "1Mi". `},
		"volumes count for the pod": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "1Mi")}, Volumes: []corev1.Volume{emptyDir("v", "", "")}},
			Disk{EmptyDirs: map[string]int64{"v": 2 * mi}}, "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. "},
		"no limit": {corev1.PodSpec{Containers: []corev1.Container{storing("a", "")}, Volumes: []corev1.Volume{emptyDir("v", "", "")}},
			Disk{Containers: map[string]int64{"a": 99 * mi}, EmptyDirs: map[string]int64{"v": 99 * mi}}, ""},
	} {
		if got := exceeded(&corev1.Pod{Spec: c.spec}, c.used); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestEndsWhoStoresTooMuch(t *testing.T) {
	pod := func(uid string, priority int32, spec corev1.PodSpec) *corev1.Pod {
		spec.Priority = &priority
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: uid, UID: types.UID(uid)}, Spec: spec}
	}
	limit := corev1.PodSpec{Containers: []corev1.Container{storing("a", "1Mi")}}
	now := time.Unix(1000, 0)
	var asked, evicted []string
	m := New(Config{
		Pods: func() []*corev1.Pod {
			return []*corev1.Pod{
				pod("broken", 0, limit), pod("greedy", 0, limit), pod("system", 2000000000, limit),
				pod("unlimited", 0, corev1.PodSpec{Containers: []corev1.Container{storing("a", "")}}),
				pod("memory", 0, corev1.PodSpec{Volumes: []corev1.Volume{emptyDir("v", "1Mi", corev1.StorageMediumMemory)}}),
			}
		},
		Disk: func(_ context.Context, pod *corev1.Pod) (Disk, error) {
			now = now.Add(time.Second)
			asked = append(asked, pod.Name)
			if pod.Name == "broken" {
				return Disk{}, errors.New("no disk")
			}
			return Disk{Containers: map[string]int64{"a": 2 << 20}}, nil
		},
		Evict: func(uid types.UID, o status.Override, _ int64) {
			if o.Phase != corev1.PodFailed || o.Reason != "Evicted" || o.Condition.Type != "" {
				t.Errorf("evicted with %+v", o)
			}
			evicted = append(evicted, string(uid))
		},
		Event: func(*corev1.Pod, string, string) {}, Now: func() time.Time { return now },
	})
	if err := m.limits(t.Context()); err == nil || !strings.Contains(err.Error(), "default/broken: no disk") {
		t.Errorf("got error %v, want one of the pod broken", err)
	}
	if !slices.Equal(asked, []string{"broken", "greedy"}) || !slices.Equal(evicted, []string{"greedy"}) {
		t.Errorf("asked of %v, evicted %v", asked, evicted)
	}
	// What took two seconds is not done again for forty.
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{30 * time.Second, 2}, {11 * time.Second, 4}} {
		now = now.Add(c.after)
		m.limits(t.Context())
		if len(asked) != c.want {
			t.Errorf("after %v: asked of %v", c.after, asked)
		}
	}
}

func TestUsed(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write := func(path string, n int) {
		t.Helper()
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "sub", "file"), 1<<20)
	write(filepath.Join(outside, "other"), 8<<20)
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if n, err := Used(t.Context(), dir); err != nil || n < 1<<20 || n >= 2<<20 {
		t.Errorf("got %d bytes, error %v, want a little more than 1 MiB", n, err)
	}
	if n, err := Used(t.Context(), filepath.Join(dir, "none")); err != nil || n != 0 {
		t.Errorf("of nothing: got %d bytes, error %v", n, err)
	}
}
