package codec

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestEncodeInParallel encodes objects of many goroutines at a time: what one
// gets is not overwritten by another.
func TestEncodeInParallel(t *testing.T) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 2000 {
				name := strings.Repeat(fmt.Sprint(g), 1+i%300)
				data, err := EncodeJSON(&unstructured.Unstructured{Object: map[string]any{"name": name}})
				if err != nil || string(data) != `{"name":"`+name+`"}` {
					t.Errorf("got %s, %v", data, err)
					return
				}
			}
		})
	}
	all.Wait()
}
