package directory

import "net/netip"

// Actor is on whose behalf something is read or written. Every write and every
// read of another person's data is checked against it.
type Actor struct {
	Kind   ActorKind
	User   UserID       // of a Person or a service account; else 0
	Source SCIMSourceID // of ActorSource; else 0
	Name   string       // for the audit: username, source, daemon or OS user
	Rights []Right      // role and grants in force; ignored for ActorSystem and ActorOperator
	Via    string       // the daemon or protocol it came through
	IP     netip.Addr   // where it came from, when known
	OS     string       // real uid and SUDO_UID of a CLI operator

	// ReadOnly says that an app or network password let the actor in: it changes
	// nothing, neither its own password nor what its rights would allow.
	ReadOnly bool
}

// ActorKind says what an Actor is.
type ActorKind string

// The kinds of actor.
const (
	ActorSystem   ActorKind = "system"   // a daemon for its own purposes: reads everything, writes what it owns
	ActorOperator ActorKind = "operator" // the CLI on the host: may do everything
	ActorPerson   ActorKind = "person"
	ActorService  ActorKind = "service"
	ActorSource   ActorKind = "source" // a SCIM source, bounded by its scope
)

// System returns the actor of a daemon.
func System(daemon string) Actor {
	return Actor{Kind: ActorSystem, Name: daemon, Via: daemon}
}

// Label returns the source that the actor's rows carry: "site" and "scim:hr"
// are written by site.yaml and by a SCIM source, everything else is "local".
func (a Actor) Label() string {
	switch {
	case a.Kind == ActorSource:
		return "scim:" + a.Name
	case a.Kind == ActorOperator && a.Via == "site":
		return "site"
	default:
		return "local"
	}
}

// Has reports whether the actor holds right r.
func (a Actor) Has(r Right) bool {
	for _, have := range a.Rights {
		if have == r {
			return true
		}
	}
	return false
}

// onTheHost reports whether the actor is the CLI at work on one thing, or a
// daemon: not what site.yaml, an API or a provisioner asks for.
func (a Actor) onTheHost() bool {
	return a.Kind == ActorSystem || a.Kind == ActorOperator && a.Via != "site"
}
