package patch

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"minke/apiserver/codec"
)

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","labels":{"a":"b"}},"spec":{"replicas":2,
	"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{},"spec":{"containers":[{"name":"c","image":"x"}],"nodeSelector":{"k":"v"}}}}}`

// paths are those that a random patch is about.
var paths = []string{
	"metadata.labels.a", "metadata.labels.b", "metadata.annotations.b", "metadata.name", "metadata.creationTimestamp", "metadata.generation",
	"metadata.managedFields", "spec.replicas", "spec.paused", "spec.strategy.type", "spec.strategy.rollingUpdate.maxSurge",
	"spec.selector.matchLabels.a", "spec.template.metadata.labels.x", "spec.template.spec.nodeName", "spec.template.spec.nodeSelector.k",
	"spec.template.spec.nodeSelector", "spec.template.spec.overhead.cpu", "spec.template.spec.securityContext.runAsUser",
	"spec.template.spec.containers", "spec.unknown", "spec.REPLICAS", "status.replicas", "kind", "$patch",
}

// TestMergeTypedAsApplyDoes compares with what becomes of the object's text.
func TestMergeTypedAsApplyDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 5))
	merged := 0
	for range 3000 {
		changes := map[string]any{}
		for range 1 + g.IntN(2) {
			at, names := changes, strings.Split(paths[g.IntN(len(paths))], ".")
			for _, name := range names[:len(names)-1] {
				inner, ok := at[name].(map[string]any)
				if !ok {
					inner = map[string]any{}
					at[name] = inner
				}
				at = inner
			}
			at[names[len(names)-1]] = []any{"s", "", "25%", int64(5), int64(1) << 40, 1.5, true, nil, nil, map[string]any{}, map[string]any{"z": "y"}, []any{}}[g.IntN(12)]
		}
		body, _ := json.Marshal(changes)
		kind := []types.PatchType{types.MergePatchType, types.StrategicMergePatchType}[g.IntN(2)]
		live, want := &appsv1.Deployment{}, &appsv1.Deployment{}
		if err := json.Unmarshal([]byte(deployment), live); err != nil {
			t.Fatal(err)
		}
		before := live.DeepCopy()
		got, ok := MergeTyped(live, body, kind == types.StrategicMergePatchType)
		if !reflect.DeepEqual(live, before) {
			t.Fatalf("seed %d: %s %s changed the live object", seed, kind, body)
		}
		if !ok {
			continue
		}
		merged++
		text, err := Apply(kind, []byte(deployment), body, &appsv1.Deployment{})
		if err != nil {
			t.Fatalf("seed %d: %s %s: %v", seed, kind, body, err)
		}
		strict, err := codec.Unmarshal(text, want, appsv1.SchemeGroupVersion.WithKind("Deployment"), codec.Strict)
		if err != nil || len(strict) > 0 {
			t.Fatalf("seed %d: %s %s was merged: %v %v", seed, kind, body, err, strict)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Fatalf("seed %d: %s %s:\ngot  %s\nwant %s", seed, kind, body, a, b)
		}
	}
	if merged < 300 {
		t.Errorf("only %d were merged", merged)
	}
}

func BenchmarkMerge(b *testing.B) {
	body := []byte(`{"metadata":{"annotations":{"a":"b"}}}`)
	d := &appsv1.Deployment{}
	if err := json.Unmarshal([]byte(deployment), d); err != nil {
		b.Fatal(err)
	}
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			text, err := Apply(types.MergePatchType, []byte(deployment), body, d)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := codec.Unmarshal(text, &appsv1.Deployment{}, appsv1.SchemeGroupVersion.WithKind("Deployment"), codec.Warn); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in place", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := MergeTyped(d, body, false); !ok {
				b.Fatal("not merged")
			}
		}
	})
}
