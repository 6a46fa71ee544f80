// Package test is the acceptance suite: the real binaries, built with the race
// detector, as separate processes, on SQLite and on PostgreSQL, driven by
// clients that were written by others (OpenLDAP's tools, python-ldap, Apache's
// mod_authnz_ldap and mod_auth_openidc, FreeRADIUS's radclient,
// Samba, OpenVPN, strongSwan, Chromium).
//
// It relies on the contract only: configuration keys, command lines, protocol
// bytes. A missing client or a missing PostgreSQL fails the run; install them
// with test/install-clients.
package test
