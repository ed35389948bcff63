package customresource

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// compiledOf compiles a schema in YAML.
func compiledOf(t *testing.T, schema string) *compiled {
	t.Helper()
	v := &apiextensionsv1.CustomResourceDefinitionVersion{Name: "v1", Schema: &apiextensionsv1.CustomResourceValidation{}}
	if err := yaml.UnmarshalStrict([]byte(schema), &v.Schema.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	c, err := compile(v, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func valueOf(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	for name, value := range out {
		out[name] = integers(value)
	}
	return out
}

// integers gives numbers the type that decoded objects have.
func integers(v any) any {
	switch v := v.(type) {
	case float64:
		return int64(v)
	case map[string]any:
		for name := range v {
			v[name] = integers(v[name])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	}
	return v
}

// What did not change may stay wrong (KEP-4008); what changes must be right.
func TestRatcheting(t *testing.T) {
	for name, tt := range map[string]struct{ schema, old, now, want string }{
		"wrong value stays":         {`{type: object, properties: {a: {type: integer, maximum: 5}, b: {type: string}}}`, `{a: 9}`, `{a: 9, b: x}`, ""},
		"wrong value changes":       {`{type: object, properties: {a: {type: integer, maximum: 5}}}`, `{a: 9}`, `{a: 8}`, "a: Invalid value: 8: a in body should be less than or equal to 5"},
		"wrong value comes":         {`{type: object, properties: {a: {type: integer, maximum: 5}}}`, `{}`, `{a: 8}`, "a: Invalid value: 8"},
		"items of a map":            {`{type: object, properties: {l: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: [k], properties: {k: {type: string}, v: {type: integer, maximum: 5}}}}}}`, `{l: [{k: a, v: 9}]}`, `{l: [{k: b, v: 1}, {k: a, v: 9}]}`, ""},
		"items of a list":           {`{type: object, properties: {l: {type: array, items: {type: integer, maximum: 5}}}}`, `{l: [9]}`, `{l: [1, 9]}`, "l[1]: Invalid value: 9"},
		"required comes late":       {`{type: object, required: [r], properties: {r: {type: string}, a: {type: string}}}`, `{a: x}`, `{a: y}`, "r: Required value"},
		"rule on what stays":        {`{type: object, properties: {s: {type: object, x-kubernetes-validations: [{rule: self.a < 5}], properties: {a: {type: integer}}}, b: {type: string}}}`, `{s: {a: 9}}`, `{s: {a: 9}, b: x}`, ""},
		"rule on what changes":      {`{type: object, properties: {s: {type: object, x-kubernetes-validations: [{rule: self.a < 5, message: too much}], properties: {a: {type: integer}}}}}`, `{s: {a: 9}}`, `{s: {a: 8}}`, "s: Invalid value: too much"},
		"transition rule":           {`{type: object, properties: {a: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf, message: only up}]}}}`, `{a: 3}`, `{a: 2}`, "a: Invalid value: 2: only up"},
		"transition that is none":   {`{type: object, properties: {a: {type: integer, x-kubernetes-validations: [{rule: self >= oldSelf}]}}}`, `{}`, `{a: 2}`, ""},
		"optional old self":         {`{type: object, properties: {a: {type: integer, x-kubernetes-validations: [{rule: '!oldSelf.hasValue() || self > oldSelf.value()', optionalOldSelf: true, message: only up}]}}}`, `{a: 3}`, `{a: 2}`, "a: Invalid value: 2: only up"},
		"message, reason and path":  {`{type: object, properties: {s: {type: object, properties: {a: {type: integer}, name: {type: string}}, x-kubernetes-validations: [{rule: self.a < 5, messageExpression: '"a of " + self.name + " is " + string(self.a)', reason: FieldValueForbidden, fieldPath: .a}]}}}`, `{s: {a: 1, name: x}}`, `{s: {a: 7, name: x}}`, `s.a: Forbidden: a of x is 7`},
		"message fails":             {`{type: object, properties: {s: {type: object, properties: {a: {type: integer}, name: {type: string}}, x-kubernetes-validations: [{rule: self.a < 5, message: plain, messageExpression: 'self.name'}]}}}`, `{s: {a: 1}}`, `{s: {a: 7}}`, `s: Invalid value: plain`},
		"set with duplicates stays": {`{type: object, properties: {l: {type: array, x-kubernetes-list-type: set, items: {type: string}}, b: {type: string}}}`, `{l: [a, a]}`, `{l: [a, a], b: x}`, ""},
		"rule too costly":           {`{type: object, properties: {l: {type: array, items: {type: integer}, x-kubernetes-validations: [{rule: 'self.all(x, self.all(y, self.all(z, x == y && y == z)))'}]}}}`, `{l: [1]}`, `{l: [` + strings.Repeat("1,", 200) + `1]}`, "call cost exceeds limit"},
	} {
		t.Run(name, func(t *testing.T) {
			c := compiledOf(t, tt.schema)
			var got []string
			for _, e := range c.validateUpdate(valueOf(t, tt.now), valueOf(t, tt.old), nil) {
				got = append(got, e.Error())
			}
			if text := strings.Join(got, "\n"); (text == "") != (tt.want == "") || !strings.Contains(text, tt.want) {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}
