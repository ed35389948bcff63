// Package store defines Minke's datastore: a revisioned key-value store in the
// manner of etcd, small enough that an embedded engine and etcd itself both
// implement it. The engines are store/local (embedded) and store/etcd;
// store/storetest is the suite that each of them must pass; store/cache is the
// decoded view that the API server reads.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Revision is a point in the history of the whole store. It starts at 1 or
// later and grows by exactly one with each transaction that writes, whoever
// makes it: an etcd may hold the keys of others too, and their transactions
// leave gaps between ours. Zero means "now".
type Revision int64

// Entry is one key with its value as of some revision. Value is shared, not
// copied: nobody may change its bytes.
type Entry struct {
	Key   string
	Value []byte
	// Created and Modified are the revisions of the transaction that created
	// the key and of the one that last wrote it.
	Created, Modified Revision
}

// Store is a linearizable key-value store. All methods are safe for concurrent
// use. A write has reached stable storage before its method returns.
type Store interface {
	// Get returns the entry of key as of now, and the store's revision then.
	// A missing key gives a nil entry and no error.
	Get(ctx context.Context, key string) (*Entry, Revision, error)

	// Range returns the entries whose keys begin with r.Prefix in ascending
	// byte order of their keys, as they stood at r.Revision.
	// It fails with ErrCompacted or ErrFutureRevision.
	Range(ctx context.Context, r Range) (RangeResult, error)

	// Txn applies all of t.Writes at one new revision if every condition of
	// t.If holds, and nothing otherwise.
	Txn(ctx context.Context, t Txn) (TxnResult, error)

	// Watch streams every event on keys that begin with prefix whose revision
	// is greater than after (zero: from now on), in order of revision, without
	// gap or duplicate. It fails with ErrCompacted or ErrFutureRevision.
	// The watch ends when ctx does, or with an error that Watcher.Err tells.
	Watch(ctx context.Context, prefix string, after Revision) (Watcher, error)

	// Compact forgets the history before revision: later reads of older
	// revisions fail with ErrCompacted, and watches that would have to begin
	// with an older event.
	Compact(ctx context.Context, revision Revision) error

	// Snapshot writes a consistent copy of the whole store, from which the
	// same engine can be started again.
	Snapshot(ctx context.Context, w io.Writer) error

	// Close ends all watches and releases the engine's resources.
	Close() error
}

// Holder is what an engine offers besides that several servers may share.
type Holder interface {
	// Hold keeps value at key until ctx ends, and deletes it then. When this
	// process ends otherwise, or cannot reach the engine, the key is gone after
	// ttl, in whole seconds; it comes back when the engine can be reached. It
	// returns ctx's error, joined with why the key could not be deleted.
	Hold(ctx context.Context, key string, value []byte, ttl time.Duration) error
}

// Range selects entries.
type Range struct {
	Prefix string
	// After, when set, leaves out all keys up to and including it: the last
	// key of one page is the After of the next.
	After string
	// Limit bounds the number of entries returned; zero means no bound.
	Limit int
	// Revision is the state to read; zero reads the latest.
	Revision Revision
}

// RangeResult is a page of entries.
type RangeResult struct {
	Entries []Entry
	// Revision is the revision that was read.
	Revision Revision
	// More tells that entries remain after the last one returned, and
	// Remaining how many.
	More      bool
	Remaining int64
}

// Condition holds when the key's Modified revision is exactly Modified.
// Zero means that the key must not exist.
type Condition struct {
	Key      string
	Modified Revision
}

// Write puts Value at Key, or deletes Key when Delete is set. Deleting a key
// that does not exist writes nothing. A transaction holds each key at most once.
type Write struct {
	Key    string
	Value  []byte
	Delete bool
}

// Txn is an all-or-nothing write with preconditions.
type Txn struct {
	If     []Condition
	Writes []Write
}

// TxnResult tells what a transaction did.
type TxnResult struct {
	// Succeeded tells whether all conditions held and the writes were made.
	Succeeded bool
	// Revision is the transaction's own revision, or the store's current one
	// if it wrote nothing.
	Revision Revision
	// Current holds, for a transaction that did not succeed, the entries of
	// t.If as they stand, in the same order, nil where the key is missing.
	Current []*Entry
}

// Event is one change of one key.
type Event struct {
	// Entry is the state after the change. For a deletion it holds the key,
	// a nil value, and the deleting revision in Modified.
	Entry Entry
	// Prev is the state before it; nil when the event created the key. An
	// engine that cannot know it any more (etcd after compaction) leaves it nil.
	Prev *Entry
	// Deleted tells a deletion.
	Deleted bool
}

// Batch is the events of one revision that match a watch, and how far the
// watch has come. A batch without events is a progress mark.
type Batch struct {
	Revision Revision
	Events   []Event
}

// Watcher delivers batches in order. The channel is closed at the end.
type Watcher interface {
	Batches() <-chan Batch
	// Err tells why Batches was closed: ctx's error, ErrCompacted,
	// ErrSlowWatcher, or ErrClosed. It is nil while the watch runs. The buffer
	// of a watcher is bounded: an engine that cannot hold back what comes ends
	// a slow one.
	Err() error
}

// Errors by which callers decide. Test with errors.Is.
var (
	ErrCompacted      = errors.New("the requested revision has been compacted")
	ErrFutureRevision = errors.New("the requested revision is in the future")
	ErrSlowWatcher    = errors.New("the watcher did not keep up and its buffer is full")
	ErrClosed         = errors.New("the store is closed")
	// ErrUnavailable tells that an external engine did not answer in time. A
	// write that fails with it may have been made, or may yet be.
	ErrUnavailable = errors.New("the store does not answer")
	// ErrTooLarge tells that the engine takes no transaction of that size.
	ErrTooLarge = errors.New("the write is too large for the store")
)

// CorruptError reports data on disk that cannot be what was written. It names
// the file and offset, so that an administrator knows what to restore.
type CorruptError struct {
	File   string
	Offset int64
	Cause  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s at byte %d: %v", e.File, e.Offset, e.Cause)
}

func (e *CorruptError) Unwrap() error { return e.Cause }
