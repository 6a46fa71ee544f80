package portal

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/cases"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
	"gatehouse/idp/signin"
	"gatehouse/idp/web"
)

// formSignOut is the form that ends the session.
const formSignOut = "sign-out"

// maxQuery bounds what is searched for, in bytes.
const maxQuery = 400

// Config is what a Portal is made of. All fields are required.
type Config struct {
	Directory *directory.Directory
	Sessions  *session.Manager
	Edge      *edge.Edge
	Pages     *web.Pages
}

// Portal answers the portal's addresses. It is safe for concurrent use.
type Portal struct{ Config }

// New returns the portal.
func New(c Config) *Portal { return &Portal{c} }

// Register adds the portal to mux.
func (p *Portal) Register(mux *http.ServeMux) {
	mux.Handle("GET /{$}", p.Edge.Handle("portal", p.home))
	mux.Handle("GET /profile", p.Edge.Handle("profile", p.profile))
	mux.Handle("GET /sign-out", p.Edge.Handle("sign_out_page", p.askSignOut))
	mux.Handle("POST /sign-out", p.Edge.Form("sign_out", p.signOut))
}

// signedIn is a handler for somebody who is signed in.
type signedIn func(w http.ResponseWriter, r *edge.Request, live *session.Live) edge.Outcome

// need calls h with the session, or sends the browser to the sign-in page.
func (p *Portal) need(w http.ResponseWriter, r *edge.Request, h signedIn) edge.Outcome {
	live, err := p.Sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if live == nil {
		to := signin.Path + "?" + url.Values{"return": {web.LocalPath(r.URL.RequestURI())}}.Encode()
		if r.Header.Get("HX-Request") != "" {
			w.Header().Set("HX-Redirect", signin.Path)
			w.WriteHeader(http.StatusOK)
		} else {
			http.Redirect(w, r.Request, to, http.StatusSeeOther)
		}
		return edge.Outcome{Result: edge.OK}
	}
	out := h(w, r, live)
	out.User = live.User.Username
	return out
}

func account(live *session.Live) *web.Account {
	return &web.Account{Name: live.User.DisplayName(), Username: live.User.Username, Email: live.User.Email().Address}
}

func (p *Portal) home(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	return p.need(w, r, p.tiles)
}

func (p *Portal) profile(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	return p.need(w, r, p.facts)
}

// tiles shows the apps that the person may enter. With "open" the browser goes
// to the first that matches.
func (p *Portal) tiles(w http.ResponseWriter, r *edge.Request, live *session.Live) edge.Outcome {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(query) > maxQuery {
		query = ""
	}
	apps, err := p.apps(r.Context(), session.Admission(r, &live.Session, "", directory.ProtocolWeb), query)
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	part := r.Header.Get("HX-Request") != ""
	if r.URL.Query().Get("open") != "" && !part && len(apps) > 0 {
		http.Redirect(w, r.Request, apps[0].URL, http.StatusSeeOther)
		return edge.Outcome{Result: edge.OK}
	}
	page := web.Page{Name: web.Portal, CSRF: live.FormToken(formSignOut), Account: account(live), Data: web.PortalData{Query: query, Apps: apps}}
	if part {
		page.Name = web.Tiles
	}
	return p.Edge.Page(w, r, page)
}

// apps returns the tiles by name. An app without an address to start it at is
// not one for a browser.
func (p *Portal) apps(ctx context.Context, who directory.Admission, query string) ([]web.Tile, error) {
	list, err := p.Directory.AppsFor(ctx, who)
	if err != nil {
		return nil, err
	}
	fold := cases.Fold()
	wanted := fold.String(query)
	var out []web.Tile
	for _, a := range list {
		t := web.Tile{Name: a.App.Name, URL: launchURL(a)}
		if u, err := url.Parse(t.URL); err == nil {
			t.Line = u.Host
		}
		if t.URL != "" && (strings.Contains(fold.String(t.Name), wanted) || strings.Contains(t.Line, wanted)) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b web.Tile) int { return strings.Compare(fold.String(a.Name), fold.String(b.Name)) })
	return out, nil
}

// launchURL is where an app starts: what the operator said, else the site of its
// first redirect URI.
func launchURL(a directory.AppAccess) string {
	if webAddress(a.App.LaunchURL) {
		return a.App.LaunchURL
	}
	for _, f := range a.Facets {
		config, err := schema.DecodeFacet(string(f.Protocol), f.Config)
		if err != nil {
			continue
		}
		if c, ok := config.(schema.OIDC); ok && len(c.RedirectURIs) > 0 && webAddress(c.RedirectURIs[0]) {
			if u, err := url.Parse(c.RedirectURIs[0]); err == nil {
				return u.Scheme + "://" + u.Host + "/"
			}
		}
	}
	return ""
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// facts shows what is known of the person and of this session.
func (p *Portal) facts(w http.ResponseWriter, r *edge.Request, live *session.Live) edge.Outcome {
	data := web.ProfileData{UID: live.User.UID, Since: web.NewMoment(live.AuthTime), Until: web.NewMoment(live.Expires), Address: live.IP}
	for _, g := range live.Decision.Groups {
		data.Groups = append(data.Groups, g.Name)
	}
	return p.Edge.Page(w, r, web.Page{Name: web.Profile, CSRF: live.FormToken(formSignOut), Account: account(live), Data: data})
}

// askSignOut shows the question, for those who typed the address.
func (p *Portal) askSignOut(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	live, err := p.Sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if live == nil {
		return p.Edge.Page(w, r, web.Page{Name: web.SignedOut, Here: "/"})
	}
	return p.Edge.Page(w, r, web.Page{Name: web.SignOut, CSRF: live.FormToken(formSignOut), Data: web.SignOutData{Action: "/sign-out"}})
}

// signOut ends the session.
func (p *Portal) signOut(w http.ResponseWriter, r *edge.Request) edge.Outcome {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return p.Edge.BadForm(w, r)
	}
	live, err := p.Sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
	if err != nil {
		return p.Edge.Fail(w, r, err)
	}
	if live != nil {
		if !live.CheckFormToken(formSignOut, r.PostForm.Get("csrf")) {
			return p.Edge.BadForm(w, r)
		}
		if err := p.Sessions.End(r.Context(), w, live); err != nil {
			return p.Edge.Fail(w, r, err)
		}
	}
	out := p.Edge.Page(w, r, web.Page{Name: web.SignedOut, Here: "/"})
	if live != nil && out.Err == nil {
		out.Result, out.User = edge.Allowed, live.User.Username
	}
	return out
}
