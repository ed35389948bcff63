package nft

import (
	"sync/atomic"

	"github.com/google/nftables"
)

var setIDs atomic.Uint32

// Set adds a set or map. Its ID, by which rules of the same transaction find
// it, is given here.
func (tx Tx) Set(s *nftables.Set, elements ...nftables.SetElement) error {
	s.ID = setIDs.Add(1)
	if err := tx.AddSet(s, nil); err != nil {
		return err
	}
	return tx.Add(s, elements...)
}
