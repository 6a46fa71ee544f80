// Package oidc is the OpenID Connect provider and OAuth 2.0 authorization server.
//
// Implemented: authorization code with PKCE (RFC 6749, RFC 7636, OpenID Connect
// Core 1.0), refresh token families (RFC 6749 §6, RFC 9700 §4.14), client
// credentials (RFC 6749 §4.4), userinfo, introspection (RFC 7662), revocation
// (RFC 7009), discovery (OpenID Connect Discovery 1.0, RFC 8414), JWK Set
// (RFC 7517), JWT access tokens (RFC 9068), the iss response parameter
// (RFC 9207) and RP-initiated logout. docs/spec/oidc.md says what is done and
// what is not, section by section.
//
// It guarantees that a code works once and a refresh token once (a retry within
// 30 s gets the same answer), that a second use ends everything that came from
// the authorization, that every use of a token passes the core's freshness
// barrier, so that a disabled user's tokens are dead at the next attempt, and
// that an issuer is fixed when an authorization begins.
//
// The types of the protocol documents come from zitadel/oidc (adapter.go).
// Requests are parsed, decided and answered here.
package oidc
