// Command bench measures Gatehouse beside the servers that people use today,
// in one run on one machine, and writes the table to bench/README.md.
//
//	go run ./bench                       LDAP, RADIUS, deactivation, guessing, idle memory (about four minutes)
//	go run ./bench -only ldap,radius     some of them
//	go run ./bench -only projection      1,000,000 users; minutes of loading
//	go run ./bench -only ldap1m          the LDAP questions to ldapd with those
//
// The peers come from Debian (test/install-clients bench). The load generators
// send packets that were encoded beforehand and keep one request in flight on
// each of 16 connections, so that the server is the limit; what a server costs
// is read from its own processor time, not from the throughput alone. Nothing
// here is a test: a number that misses its target is printed, not failed.
package main
