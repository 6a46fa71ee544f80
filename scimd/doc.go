// Package scimd is the SCIM 2.0 server of Gatehouse: identity providers and HR
// systems push users and groups into the directory through it.
//
// It implements RFC 7643 (schema) and RFC 7644 (protocol); docs/spec/scim.md
// goes through both section by section and names every divergence. What real
// provisioners send beside the standard (Entra ID, Okta, OneLogin, JumpCloud) is
// normalised on the way in, each tolerance with a test of its own.
//
// A request becomes a change set: typed edits of attributes, and additions and
// removals of members that never load the member list. The change set is
// applied through the core's API as the SCIM source that sent it, in one
// transaction; who may do what is decided there and not here.
//
// Bulk, cursor paging, custom schemas and outbound provisioning are not part of
// this package yet.
package scimd
