package policy_test

import (
	"testing"

	"minke/apiserver/admission/policy"
)

// BenchmarkValidating is one write that one policy lets pass.
func BenchmarkValidating(b *testing.B) {
	for name, spec := range map[string]string{
		"none":      "",
		"replicas":  "  validations: [{expression: object.spec.replicas <= 5}]",
		"variables": "  variables: [{name: containers, expression: object.spec.template.spec.containers}]\n  validations: [{expression: 'variables.containers.all(c, c.image.startsWith(\"busy\") && !has(c.securityContext))'}]",
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			if spec != "" {
				w.put(b, head(validatingKind, "p")+spec)
				w.put(b, binding(validatingKind, "p", ", validationActions: [Deny]"))
			}
			a, _ := w.write(b, web, nil)
			plugin := policy.NewValidating(w.config())
			b.ReportAllocs()
			for b.Loop() {
				if err := plugin.Validate(b.Context(), a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMutating is one write that one policy changes.
func BenchmarkMutating(b *testing.B) {
	for name, spec := range map[string]string{
		"apply": apply(`Object{spec: Object.spec{replicas: 2}}`),
		"patch": patch(`[JSONPatch{op: "replace", path: "/spec/replicas", value: 2}]`),
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, head(mutatingKind, "p")+spec, binding(mutatingKind, "p", ""))
			a, _ := w.write(b, web, nil)
			plugin := policy.NewMutating(w.config())
			b.ReportAllocs()
			for b.Loop() {
				a.Memo = nil
				if err := plugin.Admit(b.Context(), a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
