package storetest

import (
	"context"
	"errors"
	"testing"

	"minke/store"
)

var errLost = errors.New("lost")

// right is a guard whose owner knows the revision known of the entry at /right, and
// can find out another one while it is his.
type right struct {
	testing.TB
	st    store.Store
	known store.Revision
	owner string
	asked int
}

func (r *right) Condition(ctx context.Context, not store.Revision) (store.Condition, error) {
	r.asked++
	if r.known == not {
		e, _, err := r.st.Get(ctx, "/right")
		if err != nil {
			r.Fatal(err)
		}
		if e == nil || string(e.Value) != r.owner {
			return store.Condition{}, errLost
		}
		r.known = e.Modified
	}
	return store.Condition{Key: "/right", Modified: r.known}, nil
}

// paused does something between what a writer has made sure of and its write.
type paused struct {
	store.Store
	then func()
}

func (p *paused) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	then := p.then
	p.then = nil
	if then != nil {
		then()
	}
	return p.Store.Txn(ctx, t)
}

func testGuard(t *testing.T, st store.Store) {
	old := put(t, st, "/taken", "x")
	for _, c := range []struct {
		name        string
		then        func() // while the writer sleeps, before its transaction
		condition   store.Condition
		lost, wrote bool
		asked       int
	}{
		{"nothing happened", nil, store.Condition{Key: "/new"}, false, true, 1},
		{"the right was renewed", func() { put(t, st, "/right", "me") }, store.Condition{Key: "/new"}, false, true, 2},
		{"the right was taken", func() { put(t, st, "/right", "you") }, store.Condition{Key: "/new"}, true, false, 2},
		{"what shows the right is gone", func() { txn(t, st, store.Txn{Writes: []store.Write{{Key: "/right", Delete: true}}}) }, store.Condition{Key: "/new"}, true, false, 2},
		{"the write's own condition fails", nil, store.Condition{Key: "/taken"}, false, false, 1},
		{"both fail", func() { put(t, st, "/right", "you") }, store.Condition{Key: "/taken"}, false, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			txn(t, st, store.Txn{Writes: []store.Write{{Key: "/new", Delete: true}}})
			g := &right{TB: t, st: st, owner: "me", known: put(t, st, "/right", "me")}
			result, err := store.Guarded(store.WithGuard(t.Context(), g), &paused{st, c.then},
				store.Txn{If: []store.Condition{c.condition}, Writes: []store.Write{{Key: "/new", Value: []byte("mine")}}})
			if errors.Is(err, errLost) != c.lost || err != nil && !c.lost {
				t.Fatalf("got %v, want lost %v", err, c.lost)
			}
			if result.Succeeded != c.wrote || g.asked != c.asked {
				t.Errorf("written %v, asked %d times, want %v and %d", result.Succeeded, g.asked, c.wrote, c.asked)
			}
			if !c.lost && !c.wrote && (len(result.Current) != 1 || result.Current[0].Modified != old) {
				t.Errorf("the writer sees %v, want only its own condition's entry", result.Current)
			}
			if e, _, err := st.Get(t.Context(), "/new"); err != nil || (e != nil) != c.wrote {
				t.Errorf("the store holds %v, %v", e, err)
			}
		})
	}
	g := &right{TB: t, st: st, owner: "me", known: put(t, st, "/right", "me")}
	restless := &restless{paused{Store: st}, t}
	if result, err := store.Guarded(store.WithGuard(t.Context(), g), restless, store.Txn{Writes: []store.Write{{Key: "/new"}}}); err == nil || result.Succeeded {
		t.Errorf("a right that is renewed before each transaction: %+v, %v", result, err)
	}
}

// restless renews the right before each transaction.
type restless struct {
	paused
	testing.TB
}

func (r *restless) Txn(ctx context.Context, t store.Txn) (store.TxnResult, error) {
	r.then = func() {
		if _, err := r.Store.Txn(ctx, store.Txn{Writes: []store.Write{{Key: "/right", Value: []byte("me")}}}); err != nil {
			r.Fatal(err)
		}
	}
	return r.paused.Txn(ctx, t)
}
