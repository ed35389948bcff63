package cache

// Count returns how many objects there are in memory, without waiting for any:
// zero before the first use.
func (c *Cache) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items.Len()
}
