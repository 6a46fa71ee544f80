// Package serve runs all four doors in one process.
package serve

import (
	"context"
	"net/http"

	"gatehouse/cmd/internal/core"
	"gatehouse/cmd/internal/door/ldap"
	"gatehouse/cmd/internal/door/radius"
	"gatehouse/cmd/internal/door/scim"
	"gatehouse/cmd/internal/door/web"
	"gatehouse/cmd/internal/process"
)

// Run serves until ctx ends or a signal comes, and returns nil after an orderly
// end. The directory must be initialised. signedIn is called with the username
// after each sign-in on the web; nil: nobody wants to know.
func Run(ctx context.Context, o process.Options, signedIn func(username string)) error {
	o.Daemon = core.Combined
	return process.Run(ctx, o, doors(signedIn)...)
}

// doors returns the four doors, in the order they are built: idp hands SCIM
// requests to the server that was built before it.
func doors(signedIn func(username string)) []process.Door {
	var server http.Handler
	return []process.Door{
		ldap.Door(), radius.Door(),
		scim.Door(func(h http.Handler) { server = h }),
		web.Door(web.Options{SCIM: func() http.Handler { return server }, SignedIn: signedIn}),
	}
}
