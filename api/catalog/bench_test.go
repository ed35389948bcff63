package catalog

import (
	"os"
	"testing"
)

// BenchmarkDefaultAgain is what each object read from the store pays: there is
// nothing left to default.
func BenchmarkDefaultAgain(b *testing.B) {
	data, err := os.ReadFile("testdata/defaults/pod.yaml")
	if err != nil {
		b.Fatal(err)
	}
	o, r := decode(b, data)
	b.ReportAllocs()
	for b.Loop() {
		r.Default(o)
	}
}

// BenchmarkValidate is what each creation of a pod pays.
func BenchmarkValidate(b *testing.B) {
	data, err := os.ReadFile("testdata/defaults/pod.yaml")
	if err != nil {
		b.Fatal(err)
	}
	o, r := decode(b, data)
	b.ReportAllocs()
	for b.Loop() {
		r.Validate(o)
	}
}
