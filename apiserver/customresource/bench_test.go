package customresource

import (
	"testing"
)

// BenchmarkEstablish measures from a definition's creation to its being
// Established, and its removal.
func BenchmarkEstablish(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.define(crd(widgetV1))
		w.must(200, "GET", widgets, "")
		b.StopTimer()
		w.must(200, "DELETE", crds+"/widgets.example.com", "")
		w.await("widgets.example.com", func(c *definition) bool { return c == nil })
		b.StartTimer()
	}
}

// BenchmarkCreate creates custom resources with CEL rules.
func BenchmarkCreate(b *testing.B) {
	w := newWorld(b)
	w.define(crd(widgetV1))
	for b.Loop() {
		w.must(201, "POST", widgets, `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"generateName":"x-"},"spec":{"min":1,"max":2,"color":"red"}}`)
	}
}
