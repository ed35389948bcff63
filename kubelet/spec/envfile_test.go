package spec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

func TestEnvFileValue(t *testing.T) {
	for _, c := range []struct{ text, want, err string }{
		{"", "", ""},
		{"KEY='v'", "v", ""},
		{"# KEY='no'\n\n \tKEY='v' # said\nREST", "v", ""},
		{"A='x'\r\nKEY='v'\r\n", "v", ""},
		{"A='KEY='\nKEY='$(x) \"\\n#'", "$(x) \"\\n#", ""},
		{"A='one\ntwo'\nKEY='one\n two'", "one\n two", ""},
		{"KEY= 'v'\nKEY='w'", "", ""},
		{"A= x'\nKEY='w'", "w", ""},
		{"KEY ='v'", "", "line 1: whitespace before '=' is not allowed"},
		{"\n='v'", "", "line 2: empty variable name"},
		{"KEY\nKEY='v'", "", "line 1: missing '='"},
		{"A='1\n2'\nKEY=v", "", "line 3: the value must be enclosed in single quotes"},
		{"A='1'\nKEY=", "", "line 2: the value must be enclosed in single quotes"},
		{"A='1'x\nKEY='v'", "", "line 1: unexpected content after the closing quote"},
		{"KEY='v", "", "line 1: unclosed single quote"},
	} {
		got, err := envFileValue(c.text, "KEY")
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: got %q, error %v, want %q, error %q", c.text, got, err, c.want, c.err)
		}
	}
}

func FuzzEnvFileValue(f *testing.F) {
	f.Add("A='1'\nKEY='v' # c", "KEY")
	f.Fuzz(func(t *testing.T, text, key string) {
		if value, err := envFileValue(text, key); err == nil && strings.Contains(value, "'") {
			t.Errorf("the value %q has a quote", value)
		}
	})
}

func TestFileKey(t *testing.T) {
	b, pod := builder(), testPod()
	b.RootDir = t.TempDir()
	pod.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
	dir := filepath.Join(b.PodDir(pod), "volumes", "kubernetes.io~empty-dir", "v")
	outside := filepath.Join(b.RootDir, "secret")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "sub"), 0o755),
		os.WriteFile(filepath.Join(dir, "sub", "env"), []byte("KEY='v'\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxEnvFile+1), 0o600),
		os.WriteFile(outside, []byte("KEY='secret'\n"), 0o600),
		os.Symlink(outside, filepath.Join(dir, "out")),
		unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		volume, path, key string
		optional          bool
		want, err         string
	}{
		{"v", "sub/env", "KEY", false, "v", ""},
		{"v", "sub/env", "OTHER", true, "", ""},
		{"v", "none", "KEY", true, "", ""},
		{"v", "sub/env", "OTHER", false, "", `environment variable key "OTHER" not found`},
		{"v", "none", "KEY", false, "", "no such file"},
		{"v", "out", "KEY", true, "", "escapes"},
		{"v", "pipe", "KEY", true, "", "not a regular file"},
		{"v", "large", "KEY", true, "", "larger than"},
		{"host", "secret", "KEY", true, "", "cannot find the emptyDir volume"},
		{"none", "env", "KEY", true, "", "cannot find the emptyDir volume"},
	} {
		got, set, err := b.fileKey(pod, &corev1.FileKeySelector{VolumeName: c.volume, Path: c.path, Key: c.key, Optional: &c.optional})
		if got != c.want || set != (c.want != "") {
			t.Errorf("%s of %s: got %q, set %v", c.key, c.path, got, set)
		}
		var config *ConfigError
		if c.err == "" && err != nil || c.err != "" && (!errors.As(err, &config) || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s of %s: got error %v, want %q", c.key, c.path, err, c.err)
		}
	}
}
