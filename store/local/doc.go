// Package local is the embedded engine of the store: all values in memory in a
// copy-on-write ordered tree, and on disk a log that is synced before a write
// is acknowledged.
//
// # A write's way
//
//	Txn ─> queue ─> leader: conditions ─> frame ─> log, fdatasync ─> publish ─> answers
//	                                                                 (tree, history, watches)
//
// Transactions that wait while the disk is busy form the next group: one frame,
// one sync. The first of them to find no leader becomes it. Nothing is visible,
// not even the failing of a condition, before what it depends on is durable.
//
// # On disk
//
//	LOCK                          held while a process has the store open
//	checkpoint-<revision>         the whole state as of revision
//	checkpoint-<revision>.tmp     one that was being written: removed at start
//	log-<revision>                what came after revision, until the next log's
//
// Revisions are 16 hexadecimal digits. A file is a header and then frames:
//
//	header      magic [8]  version u32  revision u64  salt u32  crc32c u32 of all before
//	frame       crc32c u32 of salt and all after it  length u32  payload [length]
//
// in little-endian order. The salt is chance: nobody can store a value that
// looks like a frame. In a log the payload is one group:
//
//	group       revision before it uvarint, then records until the end
//	record      'T' count uvarint, then count writes     takes the next revision
//	            'C' revision uvarint                     history before it is gone
//	write       'P' key value | 'D' key
//	key, value  length uvarint, bytes
//
// In a checkpoint payloads are entries, and the last payload is empty:
//
//	first frame  compacted revision uvarint, number of entries uvarint
//	entry        key  created uvarint  modified uvarint  value
//
// A checkpoint is written under its temporary name, synced and renamed, and
// only then are the logs removed that it replaces: so it is whole or absent.
// The last frame of the last log may be torn, since nobody was told of it; it
// is cut off at start. Anything else that does not read as written is a
// *store.CorruptError. To change the layout, raise the version and keep reading
// the old one.
package local
