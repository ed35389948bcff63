package customresource

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
)

// TestFitsAsTheLibrarySays: what is plain to fit a random schema, the library does
// not complain about; and it is plain of most that it does not complain about.
func TestFitsAsTheLibrarySays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 4))}
	fitting, good := 0, 0
	for range 2000 {
		s := g.object(3)
		g.restrict(s)
		v := &apiextensionsv1.CustomResourceDefinitionVersion{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: s}}
		c, err := compile(v, false)
		if err != nil {
			continue // a default that does not fit
		}
		for range 5 {
			value := g.meant(s)
			errs := validation.ValidateCustomResource(nil, value, c.object)
			if len(errs) == 0 {
				good++
			}
			if !c.tree.fits(value) {
				continue
			}
			if fitting++; len(errs) > 0 {
				text, _ := json.Marshal(s)
				t.Fatalf("seed %d: schema %s\nvalue %v fits, and the library says %v", seed, text, value, errs)
			}
		}
	}
	if fitting < good*3/4 || good < 2000 {
		t.Errorf("seed %d: %d of %d good values are plain to fit", seed, fitting, good)
	}
}

// restrict adds validations to a schema.
func (g generator) restrict(s *apiextensionsv1.JSONSchemaProps) {
	small := func() *int64 { n := int64(g.IntN(3)); return &n }
	yes := true
	switch s.Type {
	case "object":
		if g.chance(10) {
			s.MinProperties = small()
		}
		if g.chance(10) {
			s.MaxProperties = small()
		}
		if g.chance(20) {
			s.Required = []string{g.name()}
		}
	case "array":
		if g.chance(20) {
			s.MinItems = small()
		}
		if g.chance(20) {
			s.MaxItems = small()
		}
		if g.chance(5) {
			s.UniqueItems = false
		}
	case "integer":
		bound := float64(g.IntN(9))
		switch g.IntN(6) {
		case 0:
			s.Minimum, s.ExclusiveMinimum = &bound, g.chance(50)
		case 1:
			s.Maximum, s.ExclusiveMaximum = &bound, g.chance(50)
		case 2:
			s.Type = "number"
		case 3:
			s.Type, s.XIntOrString = "", true
		}
	case "string":
		switch g.IntN(7) {
		case 0:
			s.MinLength = small()
		case 1:
			s.MaxLength = small()
		case 2:
			s.Enum = []apiextensionsv1.JSON{*raw("s"), *raw("é")}
		case 3:
			s.Pattern = "^s"
		case 4:
			s.Type, s.XPreserveUnknownFields = "", &yes
		}
	}
	for name, inner := range s.Properties {
		g.restrict(&inner)
		s.Properties[name] = inner
	}
	if s.Items != nil {
		g.restrict(s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		g.restrict(s.AdditionalProperties.Schema)
	}
}

// meant draws a value for a schema, which mostly fits it.
func (g generator) meant(s *apiextensionsv1.JSONSchemaProps) any {
	if g.chance(2) {
		return g.value(2)
	}
	if s.Nullable && g.chance(10) {
		return nil
	}
	switch s.Type {
	case "object":
		out := map[string]any{}
		names := slices.Clone(s.Required)
		for name := range s.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if inner, ok := s.Properties[name]; ok && g.chance(80) {
				out[name] = g.meant(&inner)
			} else if g.chance(30) {
				out[name] = g.value(1)
			}
		}
		if s.AdditionalProperties != nil {
			for range g.IntN(3) {
				out[g.name()] = g.meant(s.AdditionalProperties.Schema)
			}
		}
		return out
	case "array":
		out := []any{}
		for range g.IntN(3) {
			out = append(out, g.meant(s.Items.Schema))
		}
		return out
	case "integer":
		return int64(g.IntN(9))
	case "number":
		return []any{int64(g.IntN(9)), float64(g.IntN(18)) / 2}[g.IntN(2)]
	case "string":
		return []string{"s", "é", "sss"}[g.IntN(3)]
	}
	return []any{"s", int64(3), g.value(2)}[g.IntN(3)]
}
