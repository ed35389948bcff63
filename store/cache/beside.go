package cache

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	"minke/store"
)

// Beside is a write to one cache that is made in the transaction of another's,
// on the same store.
type Beside struct {
	condition store.Condition
	write     store.Write
}

// BesideError tells that a write was not made because of what was to be written
// beside it: the entry at Key is not as its writer knew it.
type BesideError struct{ Key string }

func (e *BesideError) Error() string {
	return fmt.Sprintf("write beside another object: %s has changed", e.Key)
}

// Creation is obj as it is to be created at key, beside something else.
func (c *Cache) Creation(ctx context.Context, key string, obj runtime.Object) (Beside, error) {
	value, err := c.codec.Encode(obj)
	if err != nil {
		return Beside{}, fmt.Errorf("encode %s: %w", key, err)
	}
	stored, err := c.seal(ctx, key, value)
	if err != nil {
		return Beside{}, err
	}
	return Beside{store.Condition{Key: key}, store.Write{Key: key, Value: stored}}, nil
}

// Entry is a write of value at key, which is in no cache and was last written at
// modified, zero for never, beside something else.
func Entry(key string, modified store.Revision, value []byte) Beside {
	return Beside{store.Condition{Key: key, Modified: modified}, store.Write{Key: key, Value: value}}
}

// Deletion is item as it is to be deleted, beside something else.
func (c *Cache) Deletion(item *Item) Beside {
	return Beside{store.Condition{Key: item.Key, Modified: item.Revision}, store.Write{Key: item.Key, Delete: true}}
}

func transaction(condition store.Condition, write store.Write, beside []Beside) store.Txn {
	t := store.Txn{If: []store.Condition{condition}, Writes: []store.Write{write}}
	for _, b := range beside {
		t.If, t.Writes = append(t.If, b.condition), append(t.Writes, b.write)
	}
	return t
}

// besideError returns what failed a transaction of transaction's, or nil when it
// was the main object, which had to be at modified.
func besideError(result store.TxnResult, modified store.Revision, beside []Beside) error {
	if len(result.Current) == 0 || modifiedAt(result.Current[0]) != modified {
		return nil
	}
	for i, b := range beside {
		if now := i + 1; now < len(result.Current) && modifiedAt(result.Current[now]) != b.condition.Modified {
			return &BesideError{Key: b.condition.Key}
		}
	}
	return nil
}

func modifiedAt(e *store.Entry) store.Revision {
	if e == nil {
		return 0
	}
	return e.Modified
}
