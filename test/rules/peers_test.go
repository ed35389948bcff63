package rules

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPeersShareVersions holds that the programs of others which every run of
// the tests builds take what they have in common with Minke in the same version:
// it is compiled once then. To raise one: go get MODULE@VERSION in its folder.
func TestPeersShareVersions(t *testing.T) {
	ours := required(t, root)
	for _, peer := range []string{"apiextensions", "etcd", "h2spec"} {
		shared := 0
		for module, version := range required(t, filepath.Join(root, "test", "peers", peer)) {
			want, ok := ours[module]
			if !ok {
				continue
			}
			shared++
			if version != want {
				t.Errorf("test/peers/%s takes %s at %s, Minke at %s", peer, module, version, want)
			}
		}
		if shared == 0 {
			t.Errorf("test/peers/%s has nothing in common with Minke", peer)
		}
	}
}

// required returns the versions that a module's go.mod names.
func required(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("read go.mod of %s: %v", dir, err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatalf("read go.mod of %s: %v", dir, err)
	}
	versions := map[string]string{}
	for _, r := range mod.Require {
		versions[r.Path] = r.Version
	}
	return versions
}
