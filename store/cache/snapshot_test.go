package cache

import (
	"fmt"
	"runtime"
	"testing"
	"weak"
)

// Items that were replaced are held by nobody, whatever nodes were split before.
func TestReplacedItemsGo(t *testing.T) {
	const n = 5000
	items := newTree()
	var first []weak.Pointer[Item]
	for i := range n {
		item := &Item{Key: fmt.Sprintf("%05d", i)}
		first = append(first, weak.Make(item))
		set(items, item)
	}
	for i := range n {
		set(items, &Item{Key: fmt.Sprintf("%05d", i)})
	}
	runtime.GC()
	held := 0
	for _, p := range first {
		if p.Value() != nil {
			held++
		}
	}
	if held > n/4 {
		t.Errorf("%d of %d replaced items are still held", held, n)
	}
	if items.Len() != n { // which also keeps them until here
		t.Errorf("got %d items, want %d", items.Len(), n)
	}
}
