// Package policy compiles the rules of policies, evaluates them and says why
// they decided as they did. A rule is an expression of CEL
// (https://cel.dev, cel.dev/cel-go) that yields true or false. It is checked for
// its types when it is saved, cannot loop without bound, and stops at a cost of
// 100,000.
//
// The variables are user, request, geo and session, see Input; the functions
// user.in_group, user.has_factor, user.values, request.ip.in and
// request.time.between. What they compare with is written out in the rule, so that a
// wrong network, time zone or factor is found when the rule is saved.
//
// A value may be absent: the address of a device that nobody told us, the
// country of a private address. A rule whose answer depends on an absent value is
// Undecided, which is neither true nor false: its negation is Undecided as well.
// CEL's && and || are those of Kleene's logic: what is true or false whatever the
// absent value would be stays true or false. has() asks whether a value is there.
//
// Everything here is pure: no clock, no store, no file but the time zones of the
// system (those built in when it has none).
package policy
