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

// The addresses of the page and of the one that asks for a second factor. A
// browser with a session is sent to the latter with "up=1", and comes back to
// "return" with the factor in its session.
const (
	Path       = "/sign-in"
	FactorPath = "/sign-in/factor"
)

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
	mux.Handle("GET "+FactorPath, p.Edge.Handle("factor_page", p.showFactor))
	mux.Handle("POST "+FactorPath, p.Edge.Form("factor", p.submitFactor))
}

// show answers GET: the form, or on to where one wanted to go.
func (p *Page) show(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	query := r.URL.Query()
	data := web.SignInData{Return: web.LocalPath(query.Get("return"))}
	live, err := p.Sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
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
	flow := p.flow(w, r)
	here := Path + "?" + url.Values{"return": {data.Return}}.Encode()
	return p.Edge.Page(w, r, web.Page{Name: web.SignIn, Status: status, CSRF: flowToken(flow, data.Return), Here: here, Data: data})
}

// flow returns what binds forms to this browser; a new one is set in a cookie.
func (p *Page) flow(w http.ResponseWriter, r *edge.Request) string {
	flow, ok := readFlow(r.Request)
	if !ok {
		flow = rand.Text() + rand.Text()
		http.SetCookie(w, cookie(flowCookie, flow, 0))
	}
	return flow
}

// cookie is one of ours, for this host alone; age as in http.Cookie.
func cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, MaxAge: age, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
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
	dec, err := p.Directory.Authenticate(r.Context(), attempt(r, data.Username, directory.PasswordProof{Password: directory.Secret(r.PostForm.Get("password"))}))
	switch {
	case err != nil:
		return p.Edge.Fail(w, r, err)
	case dec.Outcome == directory.Challenge:
		return p.ask(w, r, data, &dec, flow)
	case !dec.Allowed():
		p.hold(r, &dec)
		return p.refuse(w, r, data, &dec)
	default:
		return p.enter(w, r, data.App, data.Return, &dec)
	}
}

// attempt describes what a form shows to the core. The answer waits for its tick
// in hold, after whatever is still to be stored.
func attempt(r *edge.Request, name string, proof directory.Proof) directory.Attempt {
	return directory.Attempt{
		Name: name, Proof: proof, Protocol: directory.ProtocolWeb, Challenge: true, Unhurried: true,
		Received: r.Received, Peer: r.Peer, Client: r.Client, Device: device(r), Context: map[string]string{directory.ContextUserAgent: session.UserAgent(r.Request)},
	}
}

// enter signs in whom the core has allowed.
func (p *Page) enter(w http.ResponseWriter, r *edge.Request, app, to string, dec *directory.Decision) edge.Outcome {
	if err := p.Sessions.Begin(r.Context(), w, r, dec); err != nil {
		return p.Edge.Fail(w, r, err)
	}
	keepDevice(w, device(r))
	if p.SignedIn != nil {
		p.SignedIn(r.Context(), dec.User)
	}
	http.SetCookie(w, cookie(flowCookie, "", -1))
	http.SetCookie(w, cookie(stepCookie, "", -1))
	return p.goOn(w, r, app, to, dec)
}

// refuse shows the form again. Whatever the reason, outsiders read one sentence;
// only waiting has its own, where the same would be said of a name that nobody has.
func (p *Page) refuse(w http.ResponseWriter, r *edge.Request, data web.SignInData, dec *directory.Decision) edge.Outcome {
	status, problem := p.problem(w, r, dec, "signin.wrong")
	data.Problem = problem
	out := p.form(w, r, status, data)
	out.Result, out.Reason = edge.Refused, string(dec.Reason)
	return out
}

// problem is what an outsider reads about a refusal, and its status; wrong is the
// key of the one sentence for whatever was wrong.
func (p *Page) problem(w http.ResponseWriter, r *edge.Request, dec *directory.Decision, wrong string) (int, string) {
	l := p.Pages.Locale(r.Request)
	left := dec.RetryAfter
	if left == 0 {
		return http.StatusForbidden, l.Text(wrong)
	}
	w.Header().Set("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	return http.StatusTooManyRequests, l.Text("signin.throttled", l.Span(left))
}

// goOn leads to where one wanted to go. To an app it goes by a page of its own,
// see web.ContinueData.
func (p *Page) goOn(w http.ResponseWriter, r *edge.Request, app, to string, dec *directory.Decision) edge.Outcome {
	out := edge.Outcome{Result: edge.Allowed, User: dec.User.Username}
	if app == "" {
		http.Redirect(w, r.Request, to, http.StatusSeeOther)
		return out
	}
	//nolint:gosec // LocalPath has checked it
	page := p.Edge.Page(w, r, web.Page{Name: web.Continue, Here: "/", Data: web.ContinueData{URL: template.URL(to), App: app}})
	if page.Err != nil {
		return page
	}
	return out
}
