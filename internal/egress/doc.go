// Package egress is the only way out by HTTP: webhooks, outbound provisioning,
// back-channel logout, metadata and key sets of others.
//
// What an address may be is decided after its name was resolved, for the very
// connection that is made, so that a name which resolves differently the second
// time gains nothing. Never reached are loopback, link-local, multicast and
// unspecified addresses, IPv4 addresses written as IPv6 and the listeners of
// this installation; private ones only where an administrator entered the URL.
// https alone, unless the target says otherwise; names are verified. No
// redirect is followed, no proxy of the environment is used, no cookie is kept;
// a request ends within ten seconds, an answer is read up to 1 MiB.
package egress
