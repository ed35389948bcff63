package inplace

import (
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func names(path ...string) []Step {
	out := make([]Step, len(path))
	for i, name := range path {
		out[i].Name = name
	}
	return out
}

func TestPut(t *testing.T) {
	image := append(names("spec", "template", "spec", "containers"), Step{Item: true, At: 0}, Step{Name: "image"})
	beyond := append(names("spec", "template", "spec", "containers"), Step{Item: true, At: 1}, Step{Name: "image"})
	fresh := func() *appsv1.Deployment {
		d := &appsv1.Deployment{}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c"}}
		return d
	}
	for _, c := range []struct {
		name  string
		path  []Step
		value any
		want  func(*appsv1.Deployment) // nil: it is refused
	}{
		{"text in a map that is not there", names("metadata", "labels", "a"), "b", func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }},
		{"number behind a pointer", names("spec", "replicas"), int64(3), func(d *appsv1.Deployment) { n := int32(3); d.Spec.Replicas = &n }},
		{"truth", names("spec", "paused"), true, func(d *appsv1.Deployment) { d.Spec.Paused = true }},
		{"in an item", image, "x", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "x" }},
		{"a type that reads itself", names("spec", "template", "spec", "overhead", "cpu"), "1", func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Overhead = corev1.ResourceList{"cpu": resource.MustParse("1")}
		}},
		{"whole map", names("metadata", "labels"), map[string]any{"a": "b"}, func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }},
		{"beyond the list", beyond, "x", nil},
		{"no such field", names("spec", "Replicas"), int64(3), nil},
		{"too large", names("spec", "replicas"), int64(1) << 40, nil},
		{"another kind", names("spec", "paused"), "yes", nil},
		{"within a type that reads itself", names("metadata", "creationTimestamp", "x"), "y", nil},
		{"a list", names("spec", "template", "spec", "containers"), []any{}, nil},
	} {
		got := fresh()
		if ok := Put(got, c.path, c.value); ok != (c.want != nil) {
			t.Errorf("%s: got %t", c.name, ok)
			continue
		}
		want := fresh()
		if c.want == nil {
			continue
		}
		if c.want(want); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
	}
}

func TestRemove(t *testing.T) {
	d := &appsv1.Deployment{}
	d.Labels = map[string]string{"a": "b", "c": "d"}
	for _, c := range []struct {
		path []Step
		want bool
	}{
		{names("metadata", "labels", "a"), true}, {names("metadata", "labels", "z"), true}, {names("metadata", "annotations", "z"), true},
		{names("metadata", "labels"), false}, {names("spec", "replicas"), false}, {names("spec", "nothing"), false},
	} {
		if got := Remove(d, c.path); got != c.want {
			t.Errorf("%v: got %t", c.path, got)
		}
	}
	if want := map[string]string{"c": "d"}; !reflect.DeepEqual(d.Labels, want) {
		t.Errorf("got %v, want %v", d.Labels, want)
	}
}
