// Package cache is the decoded, current view of one resource in the store. It
// holds each object once, immutable, with its encodings beside it, and is kept
// up by the store's own watch: reads, lists and watches of the API cost the
// store nothing. Where a codec says that its objects are large once decoded, the
// bytes are kept and the object is made of them when it is asked for.
//
//	writers ── Txn ──> store ── watch ──> feed ──> tree ──> Get, Snapshot
//	   │                                    │  └──> history ──> old snapshots
//	   └── the decoded object, so that ─────┘  └──> watchers
//	       the feed need not decode it
//
// There is one order of events, the store's. Only the feed changes the tree. A
// write returns when the feed has applied it, so that what was acknowledged is
// also seen.
package cache
