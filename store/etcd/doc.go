// Package etcd is the engine of the store that keeps everything in an external
// etcd (v3 API), so that several servers may share one state.
//
//	Get, Range, Txn ──> deadline, retries ──┐
//	Watch ──> one stream for each watch ────┼── one grpc connection, round robin
//	Hold ──> a lease of etcd's ─────────────┤   over the endpoints
//	Compact, Snapshot ──────────────────────┘
//
// It speaks etcd's published gRPC API directly: the client library would cost
// every server some 12 MiB of memory, used or not; the messages alone cost
// nothing that can be measured.
//
// # Revisions and keys
//
// A revision here is etcd's own. Writers of other keys in the same etcd make
// revisions too; they are gaps for us. The key /registry/pods/ns/name is
// stored beneath Options.Prefix in place of Options.Root.
//
// # When etcd is away
//
// A call is tried until its deadline: reads always, writes only if it is sure
// that etcd did not make them. Then it fails with an error that is
// store.ErrUnavailable; of a write it is not known whether it was made. A watch
// does not end: it goes on after its last revision when etcd is back, without
// gap or duplicate, or ends with store.ErrCompacted if that is gone meanwhile.
//
// # Bounds
//
// A watch holds Options.WatchBuffer batches for its consumer. When they are not
// taken it stops receiving, and etcd holds the rest: a slow consumer costs
// memory neither here nor there and loses nothing, unless compaction passes it.
package etcd
