package signin

import (
	"crypto/rand"
	"net/http"
	"time"

	"gatehouse/idp/edge"
)

// deviceCookie tells the browsers of a person apart: guessing from elsewhere
// does not hold up one in which they have signed in. It opens nothing.
const deviceCookie = "__Host-device"

// deviceKept is how long a browser keeps it, which is as long as the directory
// knows a device that it does not see.
const deviceKept = 30 * 24 * time.Hour

// device returns what the browser calls itself, or a new name for it.
func device(r *edge.Request) string {
	name := rand.Text()
	for _, c := range r.CookiesNamed(deviceCookie) {
		if len(c.Value) == len(name) {
			return c.Value
		}
	}
	r.AddCookie(&http.Cookie{Name: deviceCookie, Value: name})
	return name
}

// keepDevice lets the browser remember its name, after a sign-in.
func keepDevice(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: deviceCookie, Value: name, Path: "/", MaxAge: int(deviceKept / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
