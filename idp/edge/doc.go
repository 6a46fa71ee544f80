// Package edge is what every request to the identity provider passes before and
// after its handler: the person's address behind trusted proxies, a request id,
// one log line and one count from the outcome, recovery of a panic, and the page
// for a request that could not be answered.
//
// It knows no sessions and no protocol. Handlers are safe for concurrent use.
package edge
