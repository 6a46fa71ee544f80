// Package name turns what people and sources write as a name into the key by
// which it is compared: usernames (RFC 8265), group names, e-mail addresses
// (RFC 6531, domain part RFC 5891) and app slugs.
//
// One fold serves every kind of name, so Login gives the same key for what is
// typed at a prompt as Username and Email gave when the name was stored. Keys
// are idempotent: the key of a key is itself. Two names with equal keys are the
// same name at every door and on every database.
//
// The package compares nothing, stores nothing and never asks the network.
package name
