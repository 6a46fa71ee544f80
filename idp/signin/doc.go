// Package signin is the page on which people sign in.
//
// Whoever fails reads the same sentence: an unknown name, a wrong password and a
// disabled account look alike and take the same time (the core holds denials to
// a tick). A store that cannot be reached is 503 and never looks like a wrong
// password. The form is bound to the browser that was shown it and to where it
// leads. Passwords are checked by the core only, and never from its cache of
// verified ones.
package signin
