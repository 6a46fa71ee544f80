// Package filter reads, prints and evaluates SCIM filters and PATCH paths.
//
// It implements the grammars of RFC 7644 §3.4.2.2 (filters) and §3.5.2
// (PATCH paths) by recursive descent. Input is at most [MaxBytes] long and
// nests at most [MaxDepth] deep; a parse never panics and takes time linear in
// its input. Printing is canonical: for every expression x that Parse returns,
// Parse(x.String()) returns x again, provided the text is within MaxBytes
// (escapes can make it longer than what was read).
//
// It knows no schema. Attribute names are kept as they were written and are
// compared without case; which attributes exist, which are case exact and which
// operators a type admits is decided by the caller.
//
// Two forms that provisioners send go beyond the grammar. A comparison behind a
// value filter, emails[type eq "work"].value eq "a@b", is read as
// emails[type eq "work" and value eq "a@b"]. Values without quotes are read
// only when [Options] asks for it.
package filter
