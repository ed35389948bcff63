package recent

import (
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	now := time.Unix(0, 0)
	c := New[string, int](2, func() time.Time { return now })
	have := func(key string, want int, there bool) {
		t.Helper()
		if v, ok := c.Get(key); ok != there || v != want {
			t.Errorf("%s: %d %v, want %d %v", key, v, ok, want, there)
		}
	}
	c.Put("a", 1, time.Second)
	c.Put("b", 2, time.Minute)
	have("a", 1, true)
	c.Put("c", 3, time.Minute)
	have("b", 0, false)
	have("a", 1, true)
	now = now.Add(time.Second)
	have("a", 0, false)
	have("c", 3, true)
	c.Put("c", 0, 0)
	have("c", 0, false)
	if c.Len() != 0 {
		t.Errorf("%d are kept, want none", c.Len())
	}
}
