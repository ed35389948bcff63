package preview

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func compare(t *testing.T, got field.ErrorList, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %v, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i].Error(), want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

func TestLeaseCandidate(t *testing.T) {
	r := leaseCandidates()
	for spec, want := range map[string][]string{
		"{leaseName: l, binaryVersion: 1.37.0, emulationVersion: 1.36.0, strategy: OldestEmulationVersion}": nil,
		"{leaseName: l, binaryVersion: 1.37.0, strategy: a.b/c}":                                            nil,
		"{}": {"spec.leaseName: Required value", "spec.binaryVersion: Required value", "spec.strategy: Required value"},
		"{leaseName: l, binaryVersion: v1.37.0, emulationVersion: '1.36', strategy: Newest}": {`spec.binaryVersion: Invalid value: "v1.37.0": must be a valid semantic version`,
			`spec.emulationVersion: Invalid value: "1.36": must be a valid semantic version`, `spec.strategy.strategy: Unsupported value: "Newest": supported values: "OldestEmulationVersion"`},
		"{leaseName: l, binaryVersion: 1.36.0, emulationVersion: 1.37.0, strategy: a/b/c}": {"spec.binaryVersion: Invalid value: \"1.36.0\": must be greater than or equal to `emulationVersion`",
			`spec.strategy.strategy: Invalid value: "a/b/c": a valid label key`},
		"{leaseName: l, binaryVersion: 1.37.0, strategy: OldestEmulationVersion}": {"spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'"},
	} {
		obj := r.New()
		if err := yaml.UnmarshalStrict([]byte("metadata: {name: c}\nspec: "+spec), obj); err != nil {
			t.Fatal(err)
		}
		t.Run(spec, func(t *testing.T) { compare(t, r.Validate(obj), want) })
	}
	if msgs := r.ValidName("a_B.c", false); len(msgs) > 0 {
		t.Error(msgs)
	}
}
