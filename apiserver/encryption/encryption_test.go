package encryption

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"minke/store/cache"
	"minke/store/local"
)

// TestNothingReadableOnDisk holds that a secret is in none of the files of the
// data directory, whatever the provider.
func TestNothingReadableOnDisk(t *testing.T) {
	for name, providers := range map[string]string{
		"aescbc": localKeys("aescbc", "k=1"), "aesgcm": localKeys("aesgcm", "k=1"),
		"secretbox": localKeys("secretbox", "k=1"), "kms": newVault(t).provider(),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			st, err := local.Open(dir, local.Options{})
			if err != nil {
				t.Fatal(err)
			}
			sealer := encryption(t, config(providers)).For(secrets)
			c := view(t, st, sealer)
			create(t, c, "a")
			if got := stored(t, st, "a"); !bytes.HasPrefix(got, []byte("k8s:enc:"+name+":v")) {
				t.Errorf("stored is %q", got)
			}
			if got := read(t, view(t, st, sealer), "a"); got != "tell-nobody" {
				t.Errorf("another cache reads %q", got)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				if bytes.Contains(data, []byte("tell-nobody")) {
					t.Errorf("%s tells the secret", path)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRotation reads with old keys what was sealed with them, and seals it anew
// with the first key when a write changes nothing.
func TestRotation(t *testing.T) {
	steps := []struct{ name, providers, marker string }{
		{"plain", plain, ""},
		{"sealed from now on", localKeys("aescbc", "one=1") + plain, "k8s:enc:aescbc:v1:one:"},
		{"a second key of the provider", localKeys("aescbc", "two=2", "one=1"), "k8s:enc:aescbc:v1:two:"},
		{"the same provider twice", localKeys("aescbc", "three=3") + localKeys("aescbc", "two=2"), "k8s:enc:aescbc:v1:three:"},
		{"another provider", localKeys("secretbox", "a=4") + localKeys("aescbc", "three=3"), "k8s:enc:secretbox:v1:a:"},
		{"yet another", localKeys("aesgcm", "a=5") + localKeys("secretbox", "a=4"), "k8s:enc:aesgcm:v1:a:"},
		{"plain again", plain + localKeys("aesgcm", "a=5"), ""},
	}
	st := local.OpenMemory()
	defer st.Close()
	for i, step := range steps {
		c := view(t, st, encryption(t, config(step.providers)).For(secrets))
		if i == 0 {
			create(t, c, "a")
		}
		if got := read(t, c, "a"); got != "tell-nobody" {
			t.Fatalf("%s: read %q", step.name, got)
		}
		for n, wantWrite := range []bool{i > 0, false} {
			old, _, err := c.Get(t.Context(), prefix+"ns/a")
			if err != nil {
				t.Fatal(err)
			}
			now, err := c.Update(t.Context(), old, old.Object().DeepCopyObject())
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if wrote := now.Revision != old.Revision; wrote != wantWrite {
				t.Errorf("%s: update %d that changes nothing wrote: %v", step.name, n, wrote)
			}
		}
		got := stored(t, st, "a")
		if step.marker == "" && bytes.HasPrefix(got, []byte(sealedMark)) || !bytes.HasPrefix(got, []byte(step.marker)) {
			t.Errorf("%s: stored is %q", step.name, got)
		}
	}
}

// TestBroken holds that an object that cannot be opened makes lists fail, by an
// error that names its key, and leaves the others readable one by one.
func TestBroken(t *testing.T) {
	sealed := localKeys("aesgcm", "k=1")
	cases := []struct {
		name, providers string
		spoil           func(good []byte) []byte
		want            string
	}{
		{"tampered", sealed, func(b []byte) []byte { b = bytes.Clone(b); b[len(b)-1] ^= 1; return b }, "message authentication failed"},
		{"cut off", sealed, func(b []byte) []byte { return b[:len("k8s:enc:aesgcm:v1:k:")+3] }, errShort.Error()},
		{"a key that is not there", sealed, func(b []byte) []byte { return bytes.Replace(b, []byte(":k:"), []byte(":x:"), 1) }, errNoProvider.Error()},
		{"a provider that is not there", sealed, func(b []byte) []byte { return []byte("k8s:enc:kms:v2:gone:") }, errNoProvider.Error()},
		{"not sealed, and none may be", sealed, func(b []byte) []byte { return []byte("k8s\x00") }, errNoProvider.Error()},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			st := local.OpenMemory()
			defer st.Close()
			sealer := encryption(t, config(c.providers)).For(secrets)
			live := view(t, st, sealer)
			create(t, live, "good")
			create(t, live, "bad")
			overwrite(t, st, "bad", c.spoil(stored(t, st, "bad")))
			for name, v := range map[string]*cache.Cache{"live": live, "fresh": view(t, st, sealer)} {
				if got := read(t, v, "good"); got != "tell-nobody" {
					t.Errorf("%s: the good one reads %q", name, got)
				}
				_, _, getErr := v.Get(t.Context(), prefix+"ns/bad")
				_, listErr := v.Snapshot(t.Context(), 0)
				_, heldErr := v.Held(t.Context())
				for i, err := range []error{getErr, listErr, heldErr} {
					if err == nil || !strings.Contains(err.Error(), `unable to transform key "`+prefix+`ns/bad"`) || !strings.Contains(err.Error(), c.want) {
						t.Errorf("%s: call %d: %v", name, i, err)
					}
				}
			}
		})
	}
}

// TestMoved holds that a sealed value is of no use at another key: it is
// authenticated with its own (SECURITY: swapping stored objects).
func TestMoved(t *testing.T) {
	for name, providers := range map[string]string{"aesgcm": localKeys("aesgcm", "k=1"), "kms": newVault(t).provider()} {
		st := local.OpenMemory()
		defer st.Close()
		c := view(t, st, encryption(t, config(providers)).For(secrets))
		create(t, c, "a")
		create(t, c, "b")
		overwrite(t, st, "b", stored(t, st, "a"))
		if _, _, err := c.Get(t.Context(), prefix+"ns/b"); err == nil {
			t.Errorf("%s: the value of another key was taken", name)
		}
	}
}

// TestReload seals with what the file says now, and goes on with what it said
// when it is wrong.
func TestReload(t *testing.T) {
	st := local.OpenMemory()
	defer st.Close()
	e := encryption(t, config(localKeys("aesgcm", "one=1")))
	c := view(t, st, e.For(secrets))
	create(t, c, "a")
	touched := run(t, e)
	replace := func(content string) {
		changed := e.For(secrets).Changed()
		write(t, e.cfg.File, content)
		touched <- struct{}{}
		<-changed
	}
	write(t, e.cfg.File, "wrong")
	touched <- struct{}{}
	touched <- struct{}{} // the one before was seen to
	create(t, c, "b")
	replace(config(localKeys("aesgcm", "two=2")))
	create(t, c, "c")
	for name, marker := range map[string]string{"a": "one:", "b": "one:", "c": "two:"} {
		if got := stored(t, st, name); !bytes.HasPrefix(got, []byte("k8s:enc:aesgcm:v1:"+marker)) {
			t.Errorf("%s is stored as %q", name, got)
		}
	}
	// A new cache cannot open what the first key sealed, until that is back.
	fresh := view(t, st, e.For(secrets))
	if _, err := fresh.Snapshot(t.Context(), 0); err == nil {
		t.Fatal("a list lacks what cannot be opened")
	}
	replace(config(localKeys("aesgcm", "two=2", "one=1")))
	eventually(t, func() bool { _, err := fresh.Snapshot(t.Context(), 0); return err == nil })
	if got := read(t, fresh, "a"); got != "tell-nobody" {
		t.Errorf("read %q", got)
	}
	// What was loaded before is known to be stale now.
	old, _, _ := c.Get(t.Context(), prefix+"ns/a")
	if now, err := c.Update(t.Context(), old, old.Object().DeepCopyObject()); err != nil || now.Revision == old.Revision {
		t.Errorf("a stale object was not sealed anew: %v", err)
	}
}

func run(t *testing.T, e *Encryption) chan<- struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	touched, done := make(chan struct{}), make(chan error)
	go func() { done <- e.Run(ctx, touched) }()
	t.Cleanup(func() { cancel(); <-done })
	return touched
}

// TestUnnamed holds that resources that no rule names are stored as they are.
func TestUnnamed(t *testing.T) {
	e := encryption(t, config(localKeys("aesgcm", "k=1")))
	s := e.For(corev1.Resource("configmaps"))
	sealed, err := s.Seal(t.Context(), "/k", []byte("v"))
	if err != nil || string(sealed) != "v" || s.Active() {
		t.Errorf("sealed as %q, active %v, %v", sealed, s.Active(), err)
	}
	if _, _, err := s.Open(t.Context(), "/k", []byte("k8s:enc:aesgcm:v1:k:x")); err == nil {
		t.Error("sealed bytes were taken for plain ones")
	}
}
