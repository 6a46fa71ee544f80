// Package portal is what a person sees who is signed in and on the way to no app
// in particular: tiles of the apps they may enter, their profile, and the way
// out. Which apps those are is the core's answer, asked each time.
package portal
