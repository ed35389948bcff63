package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"minke/runtime/image/build"
	"minke/runtime/registry"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: owners, devices and overlay's attributes")
	}
}

func tarOf(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := ""
		if h.Typeflag == 0 {
			h.Typeflag, body = tar.TypeReg, "evil"
			h.Size = int64(len(body))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// CVE-2019-1002101 and kin: whatever a layer's names and links say, nothing
// outside its root is written.
func TestLayersStayInside(t *testing.T) {
	needRoot(t)
	for name, headers := range map[string][]tar.Header{
		"dots":          {{Name: "../../outside/f"}},
		"absolute":      {{Name: "/outside/f"}},
		"link up":       {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../../outside"}, {Name: "l/f"}},
		"link absolute": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE"}, {Name: "l/f"}},
		"link file":     {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE/f"}, {Name: "l"}},
		"hard link":     {{Name: "l", Typeflag: tar.TypeLink, Linkname: "../../outside/victim"}, {Name: "l"}},
		"whiteout":      {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE"}, {Name: "l/.wh.victim"}},
		"whiteout dots": {{Name: ".wh..."}},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			outside, root := filepath.Join(top, "outside"), filepath.Join(top, "a", "root")
			if err := errors.Join(os.MkdirAll(outside, 0o755), os.MkdirAll(root, 0o755), os.WriteFile(filepath.Join(outside, "victim"), []byte("mine"), 0o644)); err != nil {
				t.Fatal(err)
			}
			for i := range headers {
				headers[i].Linkname = strings.ReplaceAll(headers[i].Linkname, "OUTSIDE", outside)
			}
			err := unpack(tarOf(t, headers...), root) // refused or contained: both are right
			t.Log(err)
			list, err := os.ReadDir(outside)
			if err != nil || len(list) != 1 {
				t.Errorf("outside has %v, %v", list, err)
			}
			if data, err := os.ReadFile(filepath.Join(outside, "victim")); err != nil || string(data) != "mine" {
				t.Errorf("outside's file is %q, %v", data, err)
			}
		})
	}
}

func TestWhiteouts(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	err := unpack(tarOf(t,
		tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "d/.wh.gone"}, tar.Header{Name: "o/.wh..wh..opq"}, tar.Header{Name: "o/new"},
	), root)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(root, "d/gone"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("whiteout: %o %d, %v", st.Mode, st.Rdev, err)
	}
	var value [8]byte
	if n, err := unix.Getxattr(filepath.Join(root, "o"), "trusted.overlay.opaque", value[:]); err != nil || string(value[:n]) != "y" {
		t.Errorf("opaque: %q, %v", value[:n], err)
	}
}

func testImage(names ...string) *build.Image {
	return &build.Image{Names: names, Layers: [][]build.Entry{
		{{Name: "etc", Dir: true, Mode: 0o755}, {Name: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0::/root:\n")}},
		{{Name: "etc/passwd", Mode: 0o644, Body: []byte("top:x:0:0::/root:\n")}, {Name: "etc/hard", HardLink: "etc/passwd"}},
	}}
}

func TestImportRemove(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	s, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := testImage("docker.io/library/x:latest", "minke.local/y:v1").Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := s.Import(t.Context(), &b)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if s, err = Open(root); err != nil { // another process
		t.Fatal(err)
	}
	for _, name := range []string{"x", "docker.io/library/x", "minke.local/y:v1", "x:latest"} {
		i, err := s.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.Get(i.Digests[0]); err != nil || again.ID != i.ID {
			t.Errorf("by digest: %v", err)
		}
		if data, err := s.ReadFile(i, "etc/passwd"); err != nil || !strings.HasPrefix(string(data), "top") {
			t.Errorf("file: %q, %v", data, err)
		}
	}
	if err := s.Remove("y:v1"); err != nil {
		t.Error(err)
	}
	i, err := s.Get("x")
	if err != nil {
		t.Fatal(err)
	}
	s.Hold(i.Layers)
	if err := s.Remove("x"); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		list, err := os.ReadDir(s.LayersDir())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if n := count(); n != 2 {
		t.Errorf("%d layers while they are held, want 2", n)
	}
	s.Release(i.Layers)
	if err := s.Collect(); err != nil || count() != 0 {
		t.Errorf("%d layers left, %v", count(), err)
	}
}

// serve is a registry with one image, behind a token service, whose first blob
// transfers break.
func serve(t *testing.T, archive []byte) *httptest.Server {
	blobs := map[string][]byte{}
	var index ocispec.Index
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "index.json" {
			if err := json.Unmarshal(data, &index); err != nil {
				t.Fatal(err)
			}
		}
		blobs["sha256:"+filepath.Base(h.Name)] = data
	}
	var broken sync.Map // the blobs that were cut short once
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != "me" || p != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"token": "t"})
	})
	mux.HandleFunc("/v2/a/b/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+server.URL+`/token",service="s",scope="repository:a/b:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		name := filepath.Base(r.URL.Path)
		if name == "latest" {
			name = string(index.Manifests[0].Digest)
		}
		data, ok := blobs[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if _, before := broken.LoadOrStore(name, true); strings.Contains(r.URL.Path, "/blobs/") && !before {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(data[:len(data)/2])
			return // shorter than promised
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
	return server
}

func TestPull(t *testing.T) {
	needRoot(t)
	var b bytes.Buffer
	if err := testImage("x").Write(&b); err != nil {
		t.Fatal(err)
	}
	server := serve(t, b.Bytes())
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "http://")
	c := registry.New(nil)
	i, err := s.Pull(t.Context(), c, host+"/a/b", registry.Credentials{Username: "me", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(host + "/a/b:latest"); err != nil || len(i.Layers) != 2 {
		t.Error(i, err)
	}
	if _, err := s.Pull(t.Context(), c, i.Digests[0], registry.Credentials{Username: "me", Password: "secret"}); err != nil {
		t.Error(err)
	}
	if _, err := s.Pull(t.Context(), c, host+"/a/b:other", registry.Credentials{Username: "me", Password: "secret"}); !errors.Is(err, registry.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Pull(t.Context(), c, host+"/a/b", registry.Credentials{}); !errors.Is(err, registry.ErrDenied) {
		t.Error(err)
	}
}

func TestContentIsVerified(t *testing.T) {
	needRoot(t)
	data := tarOf(t, tar.Header{Name: "f"}).Bytes()
	for name, d := range map[string][2]digest.Digest{
		"blob": {digest.FromString("other"), digest.FromBytes(data)}, "diff": {digest.FromBytes(data), digest.FromString("other")},
	} {
		if err := unpackVerified(bytes.NewReader(data), d[0], d[1], t.TempDir()); err == nil || !strings.Contains(err.Error(), "does not have the digest") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := document(context.Background(), ocispec.Descriptor{Digest: digest.FromString("x")}, func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("y")), nil
	})
	if err == nil {
		t.Error("a document with another digest was taken")
	}
}
