package cache

import (
	"iter"
	"sort"
	"strings"

	"github.com/tidwall/btree"

	"minke/store"
)

type tree = btree.BTreeG[*Item]

// newTree returns an empty tree. It has no locks: Cache.mu guards the one that
// changes, and a copy that is in a Snapshot never changes.
func newTree() *tree {
	return btree.NewBTreeGOptions(func(a, b *Item) bool { return a.Key < b.Key }, btree.Options{NoLocks: true})
}

// tidyEach is after how many insertions the nodes of a tree are given arrays of
// their own. When the tree splits a full node, the two halves share its array,
// and the left one holds on to the right one's items as they were then, however
// often they are replaced. The first write to a node after a copy of the tree
// copies that node, and its own items only.
const tidyEach = 512

// set puts item into t and lets go of what only split nodes hold, at times.
func set(t *tree, item *Item) {
	if _, replaced := t.Set(item); !replaced && t.Len()%tidyEach == 0 {
		t.Copy()
	}
}

// Snapshot is all objects as of one revision. It never changes, and holds no
// resources beyond memory.
type Snapshot struct {
	revision store.Revision
	items    *tree
}

// Revision is the store's revision for which the snapshot is complete: a watch
// after it has no gap and no duplicate.
func (s *Snapshot) Revision() store.Revision { return s.revision }

// Get returns the item of key.
func (s *Snapshot) Get(key string) (*Item, bool) { return s.items.Get(&Item{Key: key}) }

// Len counts the items whose keys begin with prefix, in logarithmic time.
func (s *Snapshot) Len(prefix string) int {
	end, bounded := prefixEnd(prefix)
	if !bounded {
		return s.items.Len() - s.rank(prefix)
	}
	return s.rank(end) - s.rank(prefix)
}

// rank counts the items before key.
func (s *Snapshot) rank(key string) int {
	return sort.Search(s.items.Len(), func(i int) bool {
		item, _ := s.items.GetAt(i)
		return item.Key >= key
	})
}

// All yields the items whose keys begin with prefix and, when after is set,
// come after it, in ascending order of their keys.
func (s *Snapshot) All(prefix, after string) iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		s.items.Ascend(&Item{Key: max(prefix, after)}, func(item *Item) bool {
			if item.Key == after && after != "" {
				return true
			}
			return strings.HasPrefix(item.Key, prefix) && yield(item)
		})
	}
}

// prefixEnd returns the first key after all those that begin with prefix.
// There is none when prefix is empty or all 0xff.
func prefixEnd(prefix string) (end string, bounded bool) {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1}), true
		}
	}
	return "", false
}
