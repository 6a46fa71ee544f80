// Package site reads site.yaml, the declarative state of an installation, and
// brings the directory in line with it: Parse, then Apply.
//
// A key that is absent is untouched. A list that is present is exactly this, for
// the rows that site.yaml wrote itself: what a SCIM source or a person wrote
// stays. Objects that the file no longer names are deleted only with Prune, and
// only when site.yaml made them. Everything happens in one transaction, or
// nothing does; a second run changes nothing.
package site
