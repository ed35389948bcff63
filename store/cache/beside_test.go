package cache

import (
	"errors"
	"testing"

	"minke/store/local"
)

// TestBeside: writes to two caches are made both or not at all.
func TestBeside(t *testing.T) {
	st := local.OpenMemory()
	defer st.Close()
	const otherPrefix = "/registry/others/"
	c, other := New(st, prefix, &jsonCodec{}, Options{}), New(st, otherPrefix, &jsonCodec{}, Options{})
	defer c.Close()
	defer other.Close()
	ctx := t.Context()
	creation := must(other.Creation(ctx, otherPrefix+"x", object("x", "1")))(t)
	a := must(c.Create(ctx, prefix+"a", object("a", "1"), creation))(t)
	x, ok, err := other.Get(ctx, otherPrefix+"x")
	if err != nil || !ok || value(x) != "1" || x.Revision != a.Revision {
		t.Fatalf("beside a: %v %v %v", x, ok, err)
	}
	var beside *BesideError
	if _, err := c.Create(ctx, prefix+"b", object("b", "1"), creation); !errors.As(err, &beside) || beside.Key != otherPrefix+"x" {
		t.Errorf("what is beside exists already: %v", err)
	}
	if _, ok, err := c.Get(ctx, prefix+"b"); ok || err != nil {
		t.Errorf("half of a transaction was made: %v %v", ok, err)
	}
	if _, err := c.Create(ctx, prefix+"a", object("a", "1"), creation); !errors.Is(err, ErrExists) {
		t.Errorf("both exist: %v", err)
	}
	newer := must(other.Update(ctx, x, object("x", "2")))(t)
	if _, err := c.Update(ctx, a, object("a", "2"), other.Deletion(x)); !errors.As(err, &beside) {
		t.Errorf("what is beside has changed: %v", err)
	}
	if _, err := c.Delete(ctx, a, other.Deletion(x)); !errors.As(err, &beside) {
		t.Errorf("what is beside has changed: %v", err)
	}
	must(c.Delete(ctx, a, other.Deletion(newer)))(t)
	for _, cache := range []*Cache{c, other} {
		if n := len(mustAll(t, cache)); n != 0 {
			t.Errorf("%d are left beneath %s", n, cache.prefix)
		}
	}
}

func mustAll(t *testing.T, c *Cache) (all []*Item) {
	t.Helper()
	s, err := c.Snapshot(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for item := range s.All(c.prefix, "") {
		all = append(all, item)
	}
	return all
}
