package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// CVE-2019-1002101 and kin: whatever an archive's names and links say, nothing
// outside the directory is written.
func TestCVE20191002101_Tar(t *testing.T) {
	for name, headers := range map[string][]tar.Header{
		"dots":      {{Name: "../../outside/f"}},
		"absolute":  {{Name: "/outside/f"}},
		"link":      {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, {Name: "l/f"}},
		"full link": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE"}, {Name: "l/f"}},
		"file link": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "OUTSIDE/victim"}, {Name: "l"}},
		"directory": {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../outside"}, {Name: "l/d/", Typeflag: tar.TypeDir, Mode: 0o755}},
		"hard link": {{Name: "l", Typeflag: tar.TypeLink, Linkname: "../outside/victim"}, {Name: "l"}},
	} {
		top := t.TempDir()
		outside, inside := filepath.Join(top, "outside"), filepath.Join(top, "inside")
		for _, d := range []string{outside, inside} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(outside, "victim"), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		var archive, said bytes.Buffer
		w := tar.NewWriter(&archive)
		for _, h := range headers {
			h.Linkname = strings.Replace(h.Linkname, "OUTSIDE", outside, 1)
			if h.Typeflag == 0 {
				h.Typeflag, h.Mode, h.Size = tar.TypeReg, 0o644, 4
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Size > 0 {
				if _, err := w.Write([]byte("evil")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		// It may refuse or put the file elsewhere inside, but not write outside.
		tarApplet(&call{args: []string{"-xmf", "-", "-C", inside}, stdin: &archive, stdout: &said, stderr: &said})
		left, err := os.ReadDir(outside)
		if err != nil || len(left) != 1 {
			t.Errorf("%s: outside has %v, %v", name, left, err)
		}
		if data, err := os.ReadFile(filepath.Join(outside, "victim")); err != nil || string(data) != "mine" {
			t.Errorf("%s: the victim is %q, %v", name, data, err)
		}
	}
}
