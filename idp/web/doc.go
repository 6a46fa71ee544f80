// Package web holds the pages of the identity provider: templates, message
// catalogues, style sheets, and the headers every page is sent with.
//
// It guarantees that a page loads nothing from another host, runs no inline
// script and uses no inline style (its Content-Security-Policy forbids them),
// that it is never cached, and that it works without JavaScript. It knows
// nothing of users, sessions or protocols: whoever renders a page gives it the
// words and addresses to show.
//
// Vendored files are listed in static/SHA256SUMS with their source; a test
// compares the embedded bytes with the list.
package web

//go:generate go run ./prune
