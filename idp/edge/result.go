package edge

import (
	"net/http"

	"gatehouse/directory"
	"gatehouse/idp/web"
)

// Fail answers a browser whose request could not be decided or is not possible.
// It is the one mapping of directory's kinds to pages. A store that cannot be
// reached is 503 and never reads like a wrong password.
func (e *Edge) Fail(w http.ResponseWriter, r *Request, err error) Outcome {
	l := e.pages.Locale(r.Request)
	out := Outcome{Result: Failed, Err: err}
	data := web.ErrorData{RequestID: r.ID, Home: true}
	var status int
	switch directory.KindOf(err) {
	case directory.Invalid, directory.Exists, directory.Stale:
		status, out = http.StatusBadRequest, Outcome{Result: Refused, Reason: directory.Message(err)}
		data.Title, data.Text = l.Text("error.form"), []string{l.Text("error.form.text")}
	case directory.NotFound:
		status, out = http.StatusNotFound, Outcome{Result: OK}
		data.Title, data.Text, data.RequestID = l.Text("error.notfound"), []string{l.Text("error.notfound.text")}, ""
	case directory.Denied:
		status, out = http.StatusForbidden, Outcome{Result: Refused, Reason: directory.Message(err)}
		data.Title, data.Text = l.Text("error.form"), []string{l.Text("error.form.text")}
	case directory.Throttled:
		status, out = http.StatusTooManyRequests, Outcome{Result: Refused, Reason: string(directory.ReasonThrottled)}
		data.Title, data.Text = l.Text("error.busy"), []string{l.Text("error.busy.text")}
	case directory.Unavailable:
		status = http.StatusServiceUnavailable
		data.Title, data.Text = l.Text("error.unavailable"), []string{l.Text("error.unavailable.text")}
		data.Retry, data.Home = again(r), false
		w.Header().Set("Retry-After", "2")
	case directory.Internal:
		fallthrough
	default:
		status = http.StatusInternalServerError
		data.Title, data.Text = l.Text("error.internal"), []string{l.Text("error.internal.text")}
	}
	e.page(w, r, status, data)
	return out
}

// again is where "try again" leads: the same address, when it was asked for by
// GET, else the portal.
func again(r *Request) string {
	if r.Method == http.MethodGet {
		return web.LocalPath(r.URL.RequestURI())
	}
	return "/"
}

// BadForm answers a form that came from another site, without its token or too
// late.
func (e *Edge) BadForm(w http.ResponseWriter, r *Request) Outcome {
	l := e.pages.Locale(r.Request)
	e.page(w, r, http.StatusForbidden, web.ErrorData{Title: l.Text("error.form"), Text: []string{l.Text("error.form.text")}, Home: true})
	return Outcome{Result: Refused, Reason: "cross_site_form"}
}

// BadRequest answers a request of an app that breaks a rule of its protocol.
// what says which, in the protocol's words.
func (e *Edge) BadRequest(w http.ResponseWriter, r *Request, what string) Outcome {
	l := e.pages.Locale(r.Request)
	e.page(w, r, http.StatusBadRequest, web.ErrorData{Title: l.Text("error.request"), Text: []string{l.Text("error.request.text", what)}, RequestID: r.ID})
	return Outcome{Result: Refused, Reason: what}
}

// NotEntitled answers somebody who is signed in and may not enter an app.
// message is what a policy has to say; it may be empty.
func (e *Edge) NotEntitled(w http.ResponseWriter, r *Request, app, user, message string) Outcome {
	l := e.pages.Locale(r.Request)
	text := []string{l.Text("error.refused.text", user)}
	if message != "" {
		text = []string{message, l.Text("error.refused.text", user)}
	}
	e.page(w, r, http.StatusForbidden, web.ErrorData{Title: l.Text("error.refused", app), Text: text, Home: true})
	return Outcome{Result: Refused}
}

// Page renders p; a template that fails is a bug and becomes a 500.
func (e *Edge) Page(w http.ResponseWriter, r *Request, p web.Page) Outcome {
	if err := e.pages.Render(w, r.Request, p); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return Outcome{Result: Failed, Err: err}
	}
	return Outcome{Result: OK}
}

func (e *Edge) page(w http.ResponseWriter, r *Request, status int, data web.ErrorData) {
	_ = e.Page(w, r, web.Page{Name: web.Error, Status: status, Data: data})
}
