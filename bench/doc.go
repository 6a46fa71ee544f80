// Command bench measures Gatehouse beside the servers that people use today,
// in one run on one machine, and writes the table to bench/README.md.
//
//	go run ./bench                       LDAP, RADIUS, deactivation, guessing, idle memory (about six minutes)
//	go run ./bench -only ldap,radius     some of them
//	go run ./bench -only eap             what of radius is EAP
//	go run ./bench -only projection      1,000,000 users; minutes of loading
//	go run ./bench -only ldap1m          the LDAP questions to ldapd with those
//	go run ./bench -only ldap -alone -match uid -o /dev/null    one question, to profile ldapd with
//
// The peers come from Debian (test/install-clients bench). The load generators
// send packets that were encoded beforehand and keep one request in flight on
// each of 16 connections, so that the server is the limit; what a server costs
// is read from its own processor time, not from the throughput alone. Nothing
// here is a test: a number that misses its target is printed, not failed. What
// does fail a run is a wrong answer: a device of ours that speaks EAP checks the
// certificate, what the method has to prove and both MPPE keys each time, against
// either server.
package main
