package catalog

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"minke/api"
)

var update = flag.Bool("update", false, "write the results into testdata")

// TestDefaults reads each manifest of testdata/defaults and compares what is
// stored of it with its .golden file, which -update writes.
func TestDefaults(t *testing.T) {
	files, err := filepath.Glob("testdata/defaults/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := yaml.Marshal(stored(t, data))
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// stored decodes a manifest of any served version as the server would, and
// prepares it for being stored.
func stored(t testing.TB, manifest []byte) api.Object {
	t.Helper()
	o, r := decode(t, manifest)
	r.PrepareForCreate(o)
	if errs := r.Validate(o); len(errs) > 0 {
		t.Errorf("invalid: %v", errs.ToAggregate())
	}
	return o
}

func decode(t testing.TB, manifest []byte) (api.Object, *api.Resource) {
	t.Helper()
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(manifest, &kind); err != nil {
		t.Fatal(err)
	}
	want := schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind)
	for _, r := range Resources() {
		if r.Kind == want {
			o := r.New()
			if err := yaml.UnmarshalStrict(manifest, o); err != nil {
				t.Fatal(err)
			}
			r.Default(o)
			return o, r
		}
		for _, v := range r.Also {
			if v.Kind != want {
				continue
			}
			from := v.New()
			if err := yaml.UnmarshalStrict(manifest, from); err != nil {
				t.Fatal(err)
			}
			v.Default(from)
			o, err := v.Import(from)
			if err != nil {
				t.Fatal(err)
			}
			r.Default(o)
			return o, r
		}
	}
	t.Fatalf("%s is not served", want)
	return nil, nil
}
