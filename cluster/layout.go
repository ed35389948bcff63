package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"minke/api"
	"minke/api/catalog"
	"minke/apiserver"
	"minke/cluster/options"
	"minke/store"
	"minke/store/cache"
)

// formerCore is where the core group's objects were in the layout before
// kube-apiserver's: /registry/GROUP/PLURAL/…, with "core" for the empty group.
// Every state has some, the namespaces.
const formerCore = options.StoreRoot + "/core/"

// moveBatch is how many objects are moved in a transaction: etcd takes 128
// operations by default, and moving one is two.
const moveBatch = 60

// moveFormer moves what lies in the former layout to where it is looked for now.
// A server that is killed meanwhile goes on with its next start: the core group
// is moved last.
func moveFormer(ctx context.Context, st store.Store, sealers func(schema.GroupResource) cache.Sealer) error {
	former, err := st.Range(ctx, store.Range{Prefix: formerCore, Limit: 1})
	if err != nil || len(former.Entries) == 0 {
		return err
	}
	all := catalog.Known()
	slices.SortStableFunc(all, func(a, b *api.Resource) int { return -cmp.Compare(a.Kind.Group, b.Kind.Group) })
	for _, r := range all {
		m := move{store: st, from: options.StoreRoot + "/" + cmp.Or(r.Kind.Group, "core") + "/" + r.Plural + "/", to: apiserver.Prefix(r)}
		if m.from == m.to {
			continue
		}
		if sealers != nil {
			m.sealer = sealers(r.GroupResource())
		}
		if err := m.run(ctx); err != nil {
			return fmt.Errorf("move %s to %s: %w", m.from, m.to, err)
		}
	}
	return nil
}

// move moves the objects of one resource.
type move struct {
	store    store.Store
	from, to string
	sealer   cache.Sealer
}

func (m *move) run(ctx context.Context) error {
	for {
		page, err := m.store.Range(ctx, store.Range{Prefix: m.from, Limit: moveBatch})
		if err != nil || len(page.Entries) == 0 {
			return err
		}
		var t store.Txn
		for _, e := range page.Entries {
			to := m.to + e.Key[len(m.from):]
			value, err := m.resealed(ctx, e, to)
			if err != nil {
				return fmt.Errorf("%s: %w", e.Key, err)
			}
			t.If = append(t.If, store.Condition{Key: e.Key, Modified: e.Modified})
			t.Writes = append(t.Writes, store.Write{Key: e.Key, Delete: true}, store.Write{Key: to, Value: value})
		}
		// If another server was faster, the next page tells what is left.
		if _, err := m.store.Txn(ctx, t); err != nil {
			return err
		}
	}
}

// resealed returns the value as it is stored at another key: what is encrypted
// is bound to its key.
func (m *move) resealed(ctx context.Context, e store.Entry, to string) ([]byte, error) {
	if m.sealer == nil {
		return e.Value, nil
	}
	value, _, err := m.sealer.Open(ctx, e.Key, e.Value)
	if err != nil {
		return nil, err
	}
	return m.sealer.Seal(ctx, to, value)
}
