package request

import (
	"context"
	"maps"
	"testing"
)

func TestAnnotations(t *testing.T) {
	if a := AnnotationsFrom(context.Background()); a != nil {
		t.Fatalf("annotations of a request that is not audited: %v", a)
	}
	AnnotationsFrom(context.Background()).Annotate("k", "v") // does nothing
	ctx := WithAnnotations(context.Background(), &Annotations{})
	a := AnnotationsFrom(ctx)
	a.Annotate("k", "first")
	a.Annotate("k", "second")
	a.AnnotateDetail("patch", "p")
	for _, c := range []struct {
		detailed bool
		want     map[string]string
	}{
		{false, map[string]string{"k": "first"}},
		{true, map[string]string{"k": "first", "patch": "p"}},
	} {
		if got := a.All(c.detailed); !maps.Equal(got, c.want) {
			t.Errorf("All(%v) = %v, want %v", c.detailed, got, c.want)
		}
	}
}
