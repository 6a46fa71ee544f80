// Package sqlstore is the one implementation of directory.Store: hand-written
// SQL in the common subset of SQLite and PostgreSQL, one text for both. What the
// two do differently is the dialect struct and nothing else.
//
// It guarantees that a write was durable before it was answered (kill −9 and
// power loss lose nothing acknowledged), that the feed is gap-free and in commit
// order over all processes, and that a failing write leaves nothing behind. One
// writer per process runs the waiting functions in one transaction, a savepoint
// each; with SQLite the writers of a host take turns by a file lock.
//
// After a failed statement a transaction is over: every later call in it returns
// the same error, on both engines. Daemons never migrate: Open refuses a store
// whose schema is older than the code, or that asks for newer code.
//
// It does not check rights, make ids, normalise names or hash anything; that is
// package directory's work.
package sqlstore
