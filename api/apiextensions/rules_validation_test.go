package apiextensions_test

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"minke/api"
	"minke/api/apiextensions"
)

// definitionOf is a definition whose spec has the given schema.
func definitionOf(t *testing.T, schema string) (*api.Resource, *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	err := yaml.UnmarshalStrict([]byte(`
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things, singular: thing, listKind: ThingList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: `+schema), crd)
	if err != nil {
		t.Fatal(err)
	}
	r := apiextensions.Resources()[0]
	r.Default(crd)
	r.PrepareForCreate(crd)
	return r, crd
}

func rule(fields string) string {
	return `{type: object, properties: {a: {type: integer}, b: {type: string, maxLength: 10}, list: {type: array, items: {type: string}}}, x-kubernetes-validations: [{` + fields + `}]}`
}

func TestValidateRules(t *testing.T) {
	const at = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0]."
	for name, tt := range map[string]struct{ schema, want string }{
		"complete":             {rule(`rule: self.a > 1 || oldSelf.hasValue(), optionalOldSelf: true, messageExpression: '"a is " + self.b', fieldPath: .a, reason: FieldValueForbidden`), ""},
		"empty":                {rule(`rule: ' '`), at + "rule: Required value: rule is not specified"},
		"message":              {rule(`rule: 'true', message: ' '`), at + `message: Invalid value: " ": must be non-empty if specified`},
		"lines":                {rule(`rule: "self.a\n> 1"`), at + "message: Required value: message must be specified if rule contains line breaks"},
		"reason":               {rule(`rule: 'true', reason: Teapot`), at + `reason: Unsupported value: "Teapot": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`},
		"path":                 {rule(`rule: 'true', fieldPath: .nothing`), at + `fieldPath: Invalid value: ".nothing": must be a valid path`},
		"blank expression":     {rule(`rule: 'true', messageExpression: ' '`), at + "messageExpression: Required value: messageExpression must be non-empty if specified"},
		"does not compile":     {rule(`rule: self.nothing == 1`), at + `rule: Invalid value: {"Rule":"self.nothing == 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'nothing'`},
		"not a string":         {rule(`rule: 'true', messageExpression: self.a`), "messageExpression must evaluate to a string"},
		"optional for nothing": {rule(`rule: self.a > 1, optionalOldSelf: true`), at + `optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`},
		"too costly":           {rule(`rule: 'self.list.all(x, self.list.all(y, self.list.all(z, x == y && y == z)))'`), at + "rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"},
		"bomb":                 {rule("rule: 'self.?a" + strings.Repeat(".optMap(x, x)", 30) + ".hasValue()'"), "compilation failed: the expression is too large when its macros are expanded"},
		"old items":            {`{type: array, items: {type: object, x-kubernetes-validations: [{rule: self == oldSelf}]}}`, "oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[spec]"},
	} {
		t.Run(name, func(t *testing.T) {
			r, crd := definitionOf(t, tt.schema)
			var got []string
			for _, e := range r.Validate(crd) {
				got = append(got, e.Error())
			}
			if text := strings.Join(got, "\n"); (text == "") != (tt.want == "") || !strings.Contains(text, tt.want) {
				t.Errorf("got %s\nwant %s", text, tt.want)
			}
		})
	}
}

// What was accepted once, however costly one rule is, stays so while the schema is
// the same.
func TestValidateRulesAgain(t *testing.T) {
	r, crd := definitionOf(t, `{type: object, properties: {list: {type: array, maxItems: 2000, items: {type: string, maxLength: 20}}}, x-kubernetes-validations: [{rule: 'self.list.all(x, self.list.all(y, x == y || x.matches("a+")))'}]}`)
	if errs := r.Validate(crd); len(errs) != 1 || !strings.Contains(errs[0].Error(), "estimated rule cost exceeds budget") {
		t.Fatalf("at first: %v", errs)
	}
	again := crd.DeepCopy()
	again.Labels = map[string]string{"a": "b"}
	if errs := r.ValidateUpdate(again, crd); len(errs) > 0 {
		t.Errorf("unchanged: %v", errs)
	}
	again.Spec.Versions[0].Schema.OpenAPIV3Schema.Description = "changed"
	if errs := r.ValidateUpdate(again, crd); len(errs) == 0 {
		t.Error("a changed schema is accepted")
	}
}

func TestTotalCost(t *testing.T) {
	r, crd := definitionOf(t, rule(`rule: 'self.list.all(x, self.list.all(y, x == y))'`))
	want := []string{"x-kubernetes-validations[0].rule: Forbidden: estimated rule cost", "contributed to estimated rule cost total", "openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget"}
	errs := r.Validate(crd)
	for i, part := range want {
		if i >= len(errs) || !strings.Contains(errs[i].Error(), part) {
			t.Errorf("complaint %d of %v lacks %q", i, errs, part)
		}
	}
}
