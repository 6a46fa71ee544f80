package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
	"gatehouse/idp/web"
)

// Path is the address of the page.
const Path = "/sign-in"

// flowCookie holds the random value that binds a form to the browser it was
// shown in, before anybody is signed in.
const flowCookie = "__Host-flow"

// maxForm bounds the body of the form.
const maxForm = 64 << 10

// Destinations says where a local address leads.
type Destinations interface {
	// Destination returns the name of the app that an authorization request is
	// for, and what the app thinks the person is called; ok is false for every
	// other address.
	Destination(ctx context.Context, local string) (app, login string, ok bool)
}

// Config is what a Page is made of. All but SignedIn are required.
type Config struct {
	Directory    *directory.Directory
	Sessions     *session.Manager
	Edge         *edge.Edge
	Pages        *web.Pages
	Destinations Destinations
	// SignedIn is called after each sign-in, before the answer; nil: nobody
	// wants to know.
	SignedIn func(ctx context.Context, u directory.User)
}

// Page is the sign-in page. It is safe for concurrent use.
type Page struct{ Config }

// New returns the page.
func New(c Config) *Page { return &Page{c} }

// Register adds the page to mux.
func (p *Page) Register(mux *http.ServeMux) {
	mux.Handle("GET "+Path, p.Edge.Handle("sign_in_page", p.show))
	mux.Handle("POST "+Path, p.Edge.Form("sign_in", p.submit))
}

// show answers GET: the form, or on to where one wanted to go.
func (p *Page) show(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	query := r.URL.Query()
	data := web.SignInData{Return: web.LocalPath(query.Get("return"))}
	live, err := p.Sessions.Current(r.Context(), r, "")
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if live != nil && query.Get("again") == "" {
		http.Redirect(w, r.Request, data.Return, http.StatusSeeOther)
		return edge.Outcome{Result: edge.OK}
	}
	if live != nil {
		data.Username = live.User.Username
	}
	app, login, _ := p.Destinations.Destination(r.Context(), data.Return)
	if data.App = app; data.Username == "" && len(login) <= 320 {
		data.Username = login
	}
	return p.form(w, r, http.StatusOK, data)
}

// form shows the form with a token that this browser can send back once it is
// filled in.
func (p *Page) form(w http.ResponseWriter, r *edge.Request, status int, data web.SignInData) edge.Outcome {
	flow, ok := readFlow(r.Request)
	if !ok {
		flow = rand.Text() + rand.Text()
		http.SetCookie(w, &http.Cookie{Name: flowCookie, Value: flow, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	here := Path + "?" + url.Values{"return": {data.Return}}.Encode()
	return p.Edge.Page(w, r, web.Page{Name: web.SignIn, Status: status, CSRF: flowToken(flow, data.Return), Here: here, Data: data})
}

func readFlow(r *http.Request) (string, bool) {
	c, err := r.Cookie(flowCookie)
	if err != nil || len(c.Value) != len(rand.Text())*2 {
		return "", false
	}
	return c.Value, true
}

// flowToken binds a form to the browser and to where it leads: nobody can make
// another browser submit it, nor change the way it goes on.
func flowToken(flow, to string) string {
	mac := hmac.New(sha256.New, []byte(flow))
	mac.Write([]byte("gatehouse sign-in\x00" + to))
	return hex.EncodeToString(mac.Sum(nil))
}

// submit answers POST.
func (p *Page) submit(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	l := p.Pages.Locale(r.Request)
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return p.Edge.BadForm(w, r)
	}
	data := web.SignInData{Username: r.PostForm.Get("username"), Return: web.LocalPath(r.PostForm.Get("return"))}
	data.App, _, _ = p.Destinations.Destination(r.Context(), data.Return)
	flow, ok := readFlow(r.Request)
	if !ok || !hmac.Equal([]byte(r.PostForm.Get("csrf")), []byte(flowToken(flow, data.Return))) {
		data.Problem = l.Text("signin.stale")
		out := p.form(w, r, http.StatusForbidden, data)
		out.Result, out.Reason = edge.Refused, "stale_form"
		return out
	}
	dec, err := p.Directory.Authenticate(r.Context(), directory.Attempt{
		Name: data.Username, Proof: directory.PasswordProof{Password: directory.Secret(r.PostForm.Get("password"))},
		Protocol: directory.ProtocolWeb, Received: r.Received, Peer: r.Peer, Client: r.Client,
		Context: map[string]string{"user_agent": r.UserAgent()},
	})
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if !dec.Allowed() {
		return p.refuse(w, r, data, &dec)
	}
	if err := p.Sessions.Begin(r.Context(), w, r, &dec); err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if p.SignedIn != nil {
		p.SignedIn(r.Context(), dec.User)
	}
	return p.goOn(w, r, data, &dec)
}

// refuse shows the form again. Whatever the reason, outsiders read one sentence;
// only waiting has its own, because the account has nothing to do with it.
func (p *Page) refuse(w http.ResponseWriter, r *edge.Request, data web.SignInData, dec *directory.Decision) edge.Outcome {
	l := p.Pages.Locale(r.Request)
	status := http.StatusForbidden
	data.Problem = l.Text("signin.wrong")
	if dec.Reason == directory.ReasonThrottled {
		status = http.StatusTooManyRequests
		left := max(dec.RetryAfter, time.Second)
		data.Problem = l.Text("signin.throttled", l.Span(left))
		w.Header().Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	}
	out := p.form(w, r, status, data)
	out.Result, out.Reason = edge.Refused, string(dec.Reason)
	return out
}

// goOn leads to where one wanted to go. To an app it goes by a page of its own,
// see web.ContinueData.
func (p *Page) goOn(w http.ResponseWriter, r *edge.Request, data web.SignInData, dec *directory.Decision) edge.Outcome {
	http.SetCookie(w, &http.Cookie{Name: flowCookie, MaxAge: -1, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	out := edge.Outcome{Result: edge.Allowed, User: dec.User.Username}
	if data.App == "" {
		http.Redirect(w, r.Request, data.Return, http.StatusSeeOther)
		return out
	}
	//nolint:gosec // LocalPath has checked it
	page := p.Edge.Page(w, r, web.Page{Name: web.Continue, Here: "/", Data: web.ContinueData{URL: template.URL(data.Return), App: data.App}})
	if page.Err != nil {
		return page
	}
	return out
}
