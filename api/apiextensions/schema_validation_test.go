package apiextensions_test

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// complaintsOf joins what is wrong with a definition whose spec has the schema.
func complaintsOf(t *testing.T, schema string, change func(*apiextensionsv1.CustomResourceDefinition)) string {
	t.Helper()
	r, crd := definitionOf(t, schema)
	if change != nil {
		change(crd)
	}
	var out []string
	for _, e := range r.Validate(crd) {
		out = append(out, e.Error())
	}
	return strings.Join(out, "\n")
}

func TestValidateSchemas(t *testing.T) {
	const at = "spec.validation.openAPIV3Schema.properties[spec]"
	none := (func(*apiextensionsv1.CustomResourceDefinition))(nil)
	// selecting makes a second version that selects by another path or has another schema.
	selecting := func(second string, another bool) func(*apiextensionsv1.CustomResourceDefinition) {
		return func(crd *apiextensionsv1.CustomResourceDefinition) {
			v := crd.Spec.Versions[0].DeepCopy()
			v.Name, v.Storage = "v2", false
			v.SelectableFields = []apiextensionsv1.SelectableField{{JSONPath: second}}
			if another {
				v.Schema.OpenAPIV3Schema.Description = "another"
			}
			crd.Spec.Versions[0].SelectableFields = []apiextensionsv1.SelectableField{{JSONPath: ".spec.a"}}
			crd.Spec.Versions = append(crd.Spec.Versions, *v)
		}
	}
	root := func(change func(*apiextensionsv1.JSONSchemaProps)) func(*apiextensionsv1.CustomResourceDefinition) {
		return func(crd *apiextensionsv1.CustomResourceDefinition) {
			v := &crd.Spec.Versions[0]
			v.Subresources = &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}}
			change(v.Schema.OpenAPIV3Schema)
		}
	}
	for name, tt := range map[string]struct {
		schema string
		change func(*apiextensionsv1.CustomResourceDefinition)
		want   string
	}{
		"good":                  {`{type: object, properties: {a: {type: string, default: x}}}`, none, ""},
		"type and its default":  {`{type: foo, default: x}`, none, at + `.default: Invalid value: "string":  in body must be of type foo: "string"` + "\n" + at + `.type: Unsupported value: "foo"`},
		"keyword of no schema":  {`{type: string, $schema: x}`, none, `spec.validation.openAPIV3Schema: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`},
		"default of a key":      {`{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], items: {type: object, properties: {a: {type: string}}}}`, none, at + ".items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys"},
		"key of nothing":        {`{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [b], items: {type: object, required: [b]}}`, none, at + `.x-kubernetes-list-map-keys: Invalid value: ["b"]: entries must all be names of item properties`},
		"nullable items":        {`{type: array, x-kubernetes-list-type: set, items: {type: string, nullable: true}}`, none, at + ".items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set"},
		"list of items":         {`{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], items: [{type: object}]}`, none, at + `.items: Invalid value: {"Schema":null,"JSONSchemas":[{"ID":"","Schema":""`},
		"rule beside bad form":  {`{type: object, properties: {bad: {type: object, x-kubernetes-list-type: set}, good: {type: string, x-kubernetes-validations: [{rule: self.nothing}]}}}`, none, at + ".properties[good].x-kubernetes-validations[0].rule: Invalid value"},
		"rule above bad form":   {`{type: object, properties: {bad: {type: object, x-kubernetes-list-type: set}}, x-kubernetes-validations: [{rule: self.nothing}]}`, none, at + ".properties[bad].type: Invalid value: \"object\": must be array"},
		"rule of no type":       {`{x-kubernetes-preserve-unknown-fields: true, x-kubernetes-validations: [{rule: self == 1}]}`, none, at + ".x-kubernetes-validations: Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations"},
		"little too costly":     {`{type: string, x-kubernetes-validations: [{rule: '!format.dns1123Label().validate(self).hasValue()'}]}`, none, "estimated rule cost exceeds budget by factor of 1.006634x"},
		"optional for an error": {`{type: object, properties: {a: {type: string}}, x-kubernetes-validations: [{rule: self.a == oldSelf.a, optionalOldSelf: true}]}`, none, at + ".x-kubernetes-validations[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule"},
		"keyword at the root":   {`{type: object}`, root(func(s *apiextensionsv1.JSONSchemaProps) { s.Enum = []apiextensionsv1.JSON{{Raw: []byte(`{}`)}} }), `spec.validation.openAPIV3Schema: Invalid value: {"ID":"","Schema":"","Ref":null,"Description":"","Type":"object"`},
		"type of the root":      {`{type: object}`, root(func(s *apiextensionsv1.JSONSchemaProps) { s.Type = "string" }), `spec.validation.openAPIV3Schema.type: Invalid value: "string": only "object" is allowed as the type at the root`},
		"two storage versions": {`{type: object}`, func(crd *apiextensionsv1.CustomResourceDefinition) {
			second := *crd.Spec.Versions[0].DeepCopy()
			second.Name = "v2"
			crd.Spec.Versions = append(crd.Spec.Versions, second)
		}, `spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v2"`},
		"version": {`{type: object}`, func(crd *apiextensionsv1.CustomResourceDefinition) {
			crd.Spec.Versions[0].Name, crd.Status.StoredVersions = "V1", []string{"V1"}
		}, `spec.version: Invalid value: "V1": a DNS-1035 label must consist of`},
		"one schema, selectable each":            {`{type: object, properties: {a: {type: string}, b: {type: string}}}`, selecting(".spec.b", false), ""},
		"one schema, selectable each, not there": {`{type: object, properties: {a: {type: string}}}`, selecting(".spec.b", false), `spec.versions[1].selectableFields[0].jsonPath: Invalid value: ".spec.b"`},
		"a schema each, selectable alike":        {`{type: object, properties: {a: {type: string}}}`, selecting(".spec.a", true), ""},
		"selectable without schema": {`{type: object}`, func(crd *apiextensionsv1.CustomResourceDefinition) {
			v := &crd.Spec.Versions[0]
			v.Schema, v.SelectableFields = nil, []apiextensionsv1.SelectableField{{JSONPath: ".spec.a"}}
		}, "spec.versions[0].schema.openAPIV3Schema: Required value\n" + `spec.selectableFields: Invalid value: "": may only be set when validations.schema is included`},
	} {
		t.Run(name, func(t *testing.T) {
			got := complaintsOf(t, tt.schema, tt.change)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
			if name == "rule above bad form" && strings.Contains(got, "[spec].x-kubernetes-validations") {
				t.Errorf("a rule about a bad schema is compiled: %s", got)
			}
		})
	}
}

// A definition that an older release took may keep what is refused today, and nothing
// else.
func TestLeniency(t *testing.T) {
	for name, tt := range map[string]struct{ old, now, want string }{
		"granular set":        {`{type: array, x-kubernetes-list-type: set, items: {type: object}}`, `{type: array, x-kubernetes-list-type: set, items: {type: object, description: x}}`, ""},
		"new granular set":    {`{type: object}`, `{type: array, x-kubernetes-list-type: set, items: {type: object}}`, "must be atomic as item of a list"},
		"key without default": {`{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], items: {type: object, properties: {a: {type: string}}}}`, `{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [a], items: {type: object, description: x, properties: {a: {type: string}}}}`, ""},
		"unpruned default":    {`{type: object, default: {a: 1}}`, `{type: object, description: x, default: {a: 1}}`, ""},
		"new unpruned":        {`{type: object}`, `{type: object, default: {a: 1}}`, "must not have unknown fields"},
		"no structure":        {`{properties: {a: {}}}`, `{description: x, properties: {a: {}}}`, "must not be empty for specified object fields"},
	} {
		t.Run(name, func(t *testing.T) {
			r, old := definitionOf(t, tt.old)
			_, now := definitionOf(t, tt.now)
			var got []string
			for _, e := range r.ValidateUpdate(now, old) {
				got = append(got, e.Error())
			}
			if text := strings.Join(got, "\n"); (text == "") != (tt.want == "") || !strings.Contains(text, tt.want) {
				t.Errorf("got %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	r, crd := definitionOf(t, `{type: object, properties: {a: {type: string, format: foo}, b: {type: integer, format: date}, c: {type: string, format: date-time},
		d: {type: array, x-kubernetes-list-type: set, items: {type: object, x-kubernetes-map-type: atomic}}}}`)
	want := []string{`unrecognized format "date"`, `unrecognized format "foo"`,
		`x-kubernetes-list-type: set for items of type "object" is not supported by server-side apply or CEL validation rules`}
	if got := r.Warnings(crd, nil); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := r.Warnings(crd, crd); len(got) > 0 {
		t.Errorf("warned again: %q", got)
	}
}

// TestNameRule: also the beginning of a generated name is held against the spec.
func TestNameRule(t *testing.T) {
	r, crd := definitionOf(t, `{type: object}`)
	crd.Spec.Names.Plural, crd.Spec.Group = "foos", "a.example"
	for name, want := range map[string]int{"foos.a.example": 0, "x-": 1, "X": 2} {
		if got := r.NameRule(crd)(name, true); len(got) != want {
			t.Errorf("%q: got %q", name, got)
		}
	}
}
