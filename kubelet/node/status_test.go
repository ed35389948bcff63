package node

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
)

func list(pairs ...string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		out[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return out
}

// What somebody advertised on the node stays there; what is ours is as we say,
// and what the machine has no more goes.
func TestWithExtended(t *testing.T) {
	own := list("cpu", "2", "memory", "1Gi")
	stored := list("cpu", "4", "hugepages-2Mi", "8Mi", "example.com/dongle", "5")
	want := list("cpu", "2", "memory", "1Gi", "example.com/dongle", "5")
	if got := withExtended(own, stored); !equality.Semantic.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(own) != 2 {
		t.Errorf("the manager's own list is now %v", own)
	}
}
