package store

import (
	"context"
	"errors"
	"fmt"
)

// Guard is a right that writes depend on, such as that of an elected leader, shown
// by an entry in the store: who lost it writes nothing any more, however late he
// finds out, because the entry is compared in the very transaction of the write.
type Guard interface {
	// Condition holds for as long as the right does. With not, the revision of a
	// condition that did not hold, it finds out why: the entry was written anew
	// with the right still given, which makes another condition, or the right is
	// lost, which is the error.
	Condition(ctx context.Context, not Revision) (Condition, error)
}

type guardKey struct{}

// WithGuard makes all writes within ctx depend on g: see Guarded.
func WithGuard(ctx context.Context, g Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// guardTries bounds how often a write finds that its guard's entry was renewed
// meanwhile, which happens every few seconds.
const guardTries = 10

var errGuardMoves = errors.New("what shows the right to write changes all the time")

// Guarded makes a transaction under the Guard of ctx, if there is one.
func Guarded(ctx context.Context, st Store, t Txn) (TxnResult, error) {
	g, _ := ctx.Value(guardKey{}).(Guard)
	if g == nil {
		return st.Txn(ctx, t)
	}
	own := len(t.If)
	var not Revision
	for range guardTries {
		c, err := g.Condition(ctx, not)
		if err != nil {
			return TxnResult{}, fmt.Errorf("write guarded by another entry: %w", err)
		}
		t.If = append(t.If[:own:own], c)
		result, err := st.Txn(ctx, t)
		if err != nil || result.Succeeded {
			return result, err
		}
		guard := result.Current[own]
		result.Current = result.Current[:own]
		if guard != nil && guard.Modified == c.Modified || !holds(t.If[:own], result.Current) {
			return result, nil
		}
		not = c.Modified
	}
	return TxnResult{}, errGuardMoves
}

// holds tells whether all conditions hold in view of the entries of their keys.
func holds(conditions []Condition, current []*Entry) bool {
	for i, c := range conditions {
		var at Revision
		if current[i] != nil {
			at = current[i].Modified
		}
		if at != c.Modified {
			return false
		}
	}
	return true
}
