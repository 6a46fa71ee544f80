// Package idp is the web server of Gatehouse: sign-in, sessions, the portal, the
// OpenID Connect provider, and /scim/v2 forwarded to the SCIM server.
//
// A Server is an http.Handler and knows nothing of TLS but what Run needs to
// serve listeners that are passed in. Every page and endpoint is decided by the
// core, behind its freshness barrier; when the store cannot be reached the answer
// is 503 and nothing else. Requests are logged and counted once, at the end, by
// path without query.
package idp
