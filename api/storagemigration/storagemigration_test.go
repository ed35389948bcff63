package storagemigration

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

func TestRules(t *testing.T) {
	r := storageVersionMigrations()
	const name = "metadata: {name: m}\n"
	decode := func(text string) *migration {
		obj := r.New()
		if err := yaml.UnmarshalStrict([]byte(name+text), obj); err != nil {
			t.Fatal(err)
		}
		return obj.(*migration)
	}
	is := func(conditions ...string) string {
		var all []string
		for _, c := range conditions {
			kind, status, _ := strings.Cut(c, "=")
			all = append(all, "{type: "+kind+", status: '"+status+"', reason: R, lastTransitionTime: '2026-01-01T00:00:00Z'}")
		}
		return "conditions: [" + strings.Join(all, ", ") + "]"
	}
	for name, c := range map[string]struct {
		errs field.ErrorList
		want []string
	}{
		"fine":    {validate(decode("spec: {resource: {group: a.b, resource: pods}}")), nil},
		"nothing": {validate(decode("spec: {}")), []string{"spec.resource.resource: Required value: resource is required to be set"}},
		"names": {validate(decode("spec: {resource: {group: A, resource: pods/status}}")), []string{`spec.resource.resource: Invalid value: "pods/status": a DNS-1035 label`,
			`spec.resource.group: Invalid value: "A": a lowercase RFC 1123 subdomain`}},
		"changed":      {validateUpdate(decode("spec: {resource: {resource: pods}}"), decode("spec: {resource: {resource: nodes}}")), []string{"spec: Invalid value: "}},
		"running":      {validateStatus(decode("status: {resourceVersion: '7', "+is("Running=True")+"}"), decode("")), nil},
		"ended":        {validateStatus(decode("status: {resourceVersion: '7', "+is("Running=False", "Succeeded=True")+"}"), decode("status: {resourceVersion: '7', "+is("Running=True")+"}")), nil},
		"failed early": {validateStatus(decode("status: {"+is("Failed=True")+"}"), decode("")), nil},
		"revision":     {validateStatus(decode("status: {resourceVersion: x}"), decode("status: {resourceVersion: '7'}")), []string{`status.resourceVersion: Invalid value: "x": resource version is not well formed`, `status.resourceVersion: Invalid value: "x": field is immutable`}},
		"both ends": {validateStatus(decode("status: {resourceVersion: '7', "+is("Running=True", "Succeeded=True", "Failed=True")+"}"), decode("")), []string{
			"status.conditions: Invalid value: ", "status.conditions: Invalid value: ", "status.conditions: Invalid value: "}},
		"taken back": {validateStatus(decode("status: {resourceVersion: '7', "+is("Failed=False")+"}"), decode("status: {resourceVersion: '7', "+is("Failed=True")+"}")), []string{"status.conditions: Invalid value: "}},
	} {
		t.Run(name, func(t *testing.T) {
			if len(c.errs) != len(c.want) {
				t.Fatalf("got %v, want %q", c.errs, c.want)
			}
			for i := range c.want {
				if !strings.HasPrefix(c.errs[i].Error(), c.want[i]) {
					t.Errorf("got %q, want %q", c.errs[i], c.want[i])
				}
			}
		})
	}
}
