package cache

// Count returns how many objects there are in memory, and whether that is all
// of them. It waits for nothing: before the first use there are none.
func (c *Cache) Count() (objects int, loaded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items.Len(), c.loaded
}
