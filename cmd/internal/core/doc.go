// Package core opens the core of an installation for one process: its key
// rings, the store, the directory and the server certificate; and creates all
// of them for `gatehouse init`.
//
// Open refuses, with a sentence that says what to do: a store that was never
// set up, a schema that does not fit, keys that are not those of this store,
// and a domain or public_url other than the recorded ones.
package core
