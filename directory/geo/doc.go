// Package geo says in which country, city and autonomous system a public address
// is, from files in the MaxMind DB format 2.0 that have the fields of GeoIP2:
// those of MaxMind, IP2Location and DB-IP.
//
// A file is what it holds, whatever it calls itself: geoip2-golang, which goes by
// the names, would refuse those of IP2Location. It is verified as a whole
// when it is loaded, and kept in memory, so that whatever happens to it on the
// disk later changes no answer. Looking up never fails: what cannot be said is
// absent. All functions may be called by several goroutines.
package geo
