package customresource

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apimachinery/pkg/runtime"

	"minke/api/apiextensions"
)

// TestConformsAsTheLibraryDoes compares what the server makes of random objects
// under random schemas with the library's own defaulting and pruning.
func TestConformsAsTheLibraryDoes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	tried := 0
	for range 2000 {
		v := &apiextensionsv1.CustomResourceDefinitionVersion{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: g.object(3)}}
		structural, _, err := apiextensions.Structural(v)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := defaulting.PruneDefaults(structural); err != nil {
			t.Fatal(err)
		}
		c, err := compile(v, false)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range 5 {
			tried++
			given := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "a"}}
			for name, value := range g.fields(3) {
				given[name] = value
			}
			want := runtime.DeepCopyJSON(given)
			defaulting.Default(want, structural)
			pruning.Prune(want, structural, true)
			defaulting.PruneNonNullableNullsWithoutDefaults(want, structural)
			got := runtime.DeepCopyJSON(given)
			if _, err := c.conform(got); err != nil {
				t.Fatalf("seed %d: conform: %v", seed, err)
			}
			c.complete(got)
			if delete(got["metadata"].(map[string]any), "creationTimestamp"); !reflect.DeepEqual(got, want) {
				s, _ := json.Marshal(v.Schema)
				t.Fatalf("seed %d:\nschema %s\nobject %v\ngot    %v\nwant   %v", seed, s, given, got, want)
			}
			again := runtime.DeepCopyJSON(got)
			c.read(again)
			if !reflect.DeepEqual(again, got) {
				t.Fatalf("seed %d: reading changes what was written: %v, was %v", seed, again, got)
			}
		}
	}
	t.Logf("%d objects", tried)
}

// generator draws schemas and objects over the same few names, so that they
// meet.
type generator struct{ *rand.Rand }

func (g generator) name() string { return fmt.Sprintf("f%d", g.IntN(4)) }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g generator) object(depth int) *apiextensionsv1.JSONSchemaProps {
	s := &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{}}
	for range g.IntN(4) {
		s.Properties[g.name()] = *g.schema(depth - 1)
	}
	if yes := true; g.chance(15) {
		s.XPreserveUnknownFields = &yes
	}
	return s
}

func (g generator) schema(depth int) *apiextensionsv1.JSONSchemaProps {
	var s *apiextensionsv1.JSONSchemaProps
	switch kind := g.IntN(5); {
	case depth > 0 && kind == 0:
		s = g.object(depth)
		if g.chance(30) {
			s.Default = raw(g.fields(depth))
		}
	case depth > 0 && kind == 1:
		s = &apiextensionsv1.JSONSchemaProps{Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: g.schema(depth - 1)}}
	case depth > 0 && kind == 2:
		s = &apiextensionsv1.JSONSchemaProps{Type: "object", AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: g.schema(depth - 1)}}
	case kind == 3:
		s = &apiextensionsv1.JSONSchemaProps{Type: "integer"}
		if g.chance(40) {
			s.Default = raw(g.IntN(9))
		}
	default:
		s = &apiextensionsv1.JSONSchemaProps{Type: "string"}
		if g.chance(40) {
			s.Default = raw("d")
		}
	}
	s.Nullable = g.chance(20)
	return s
}

func raw(v any) *apiextensionsv1.JSON {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return &apiextensionsv1.JSON{Raw: data}
}

func (g generator) fields(depth int) map[string]any {
	out := map[string]any{}
	for range g.IntN(4) {
		out[g.name()] = g.value(depth - 1)
	}
	return out
}

func (g generator) value(depth int) any {
	switch kind := g.IntN(6); {
	case kind == 0:
		return nil
	case kind == 1:
		return int64(g.IntN(9))
	case depth > 0 && kind == 2:
		out := []any{}
		for range g.IntN(3) {
			out = append(out, g.value(depth-1))
		}
		return out
	case depth > 0 && kind < 5:
		return g.fields(depth)
	}
	return "s"
}
