package oidc

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
	"gatehouse/idp/web"
)

// formSignOut is the form that asks whether to sign out.
const formSignOut = "sign-out"

// logout is a request to the end-session endpoint.
type logout struct {
	params params
	client *client     // nil: not said
	hint   *hintClaims // nil: none
	to     string      // where to go afterwards, registered; "": our own page
}

// endSession is RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). An
// ID token of the current session proves that the app speaks for the person, and
// the session ends at once; otherwise the person is asked, because any site can
// send a browser here.
func (s *Server) endSession(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	w.Header().Set("Cache-Control", "no-store")
	var p params
	var fail *failure
	if r.Method == http.MethodPost {
		p, fail = postParams(w, r.Request)
	} else {
		p, fail = parseParams(r.URL.RawQuery, maxQuery)
	}
	if fail != nil {
		return s.edge.BadRequest(w, r, fail.description)
	}
	if r.Method == http.MethodPost && p["csrf"] == "" {
		return toGet(w, r, p) // a form from the app's site carries no session cookie
	}
	out, fail, err := s.readLogout(r.Context(), p, at)
	if err != nil {
		return s.edge.Fail(w, r, err)
	}
	if fail != nil {
		return s.edge.BadRequest(w, r, fail.description)
	}
	live, err := s.sessions.Current(r.Context(), r, "", directory.ProtocolWeb)
	if err != nil {
		return s.edge.Fail(w, r, err)
	}
	if live == nil {
		return s.signedOut(w, r, out)
	}
	mine, err := s.hintIsOf(r.Context(), out.hint, live)
	if err != nil {
		return s.edge.Fail(w, r, err)
	}
	confirmed := r.Method == http.MethodPost && live.CheckFormToken(formSignOut, p["csrf"])
	if !mine && !confirmed {
		return s.askSignOut(w, r, out, live)
	}
	if err := s.sessions.End(r.Context(), w, live); err != nil {
		return s.edge.Fail(w, r, err)
	}
	result := s.signedOut(w, r, out)
	result.Result, result.User = edge.Allowed, live.User.Username
	return result
}

// readLogout checks the parameters (RP-Initiated Logout §2).
func (s *Server) readLogout(ctx context.Context, p params, at place) (*logout, *failure, error) {
	out := &logout{params: p}
	id := p["client_id"]
	if p["id_token_hint"] != "" {
		keys, err := s.keys.set(ctx)
		if err != nil {
			return nil, nil, err
		}
		var claims hintClaims
		// An expired ID token is as good a hint as a new one.
		if keys.openToken(p["id_token_hint"], typeID, &claims) == nil && (id == "" || id == claims.Audience) {
			out.hint, id = &claims, claims.Audience
		} else {
			return nil, invalidRequest("id_token_hint"), nil
		}
	}
	c, err := s.clients.find(ctx, id, at)
	if err != nil {
		return nil, nil, err
	}
	if out.client = c; c != nil && out.hint != nil && out.hint.Issuer != c.issuer {
		return nil, invalidRequest("id_token_hint"), nil
	}
	to := p["post_logout_redirect_uri"]
	if to == "" {
		return out, nil, nil
	}
	// §3: only to an address that the client has registered.
	if c == nil || !slices.Contains(c.config.PostLogoutRedirectURIs, to) {
		return nil, invalidRequest("post_logout_redirect_uri"), nil
	}
	if out.to = to; p["state"] != "" {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		out.to += separator + url.Values{"state": {p["state"]}}.Encode()
	}
	return out, nil, nil
}

// hintIsOf reports whether an ID token was issued in this very session.
func (s *Server) hintIsOf(ctx context.Context, hint *hintClaims, live *session.Live) (bool, error) {
	if hint == nil || hint.SID == "" || hint.Subject != live.User.UID {
		return false, nil
	}
	found := false
	err := s.d.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		found = false
		for row, err := range a.SessionApps.Find(directory.SessionAppQuery{SID: hint.SID}) {
			if err != nil {
				return err
			}
			found = found || string(row.Session) == string(live.Hash)
		}
		return nil
	})
	return found, err
}

// askSignOut shows the question. Its form comes back to this endpoint.
func (s *Server) askSignOut(w http.ResponseWriter, r *edge.Request, out *logout, live *session.Live) edge.Outcome {
	data := web.SignOutData{Action: r.URL.Path}
	if out.client != nil {
		data.App = out.client.app.Name
	}
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state"} {
		if v := out.params[name]; v != "" {
			data.Fields = append(data.Fields, web.Field{Name: name, Value: v})
		}
	}
	if out.client != nil && out.params["client_id"] == "" {
		data.Fields = append(data.Fields, web.Field{Name: "client_id", Value: out.client.id})
	}
	return s.edge.Page(w, r, web.Page{Name: web.SignOut, CSRF: live.FormToken(formSignOut), Here: "/", Data: data})
}

// signedOut sends the browser where the client wants it, or says that it is done.
func (s *Server) signedOut(w http.ResponseWriter, r *edge.Request, out *logout) edge.Outcome {
	if out.to == "" {
		return s.edge.Page(w, r, web.Page{Name: web.SignedOut, Here: "/"})
	}
	if r.Method == http.MethodPost {
		//nolint:gosec // the address is registered with the client
		return s.edge.Page(w, r, web.Page{Name: web.Continue, Here: "/", Data: web.ContinueData{URL: template.URL(out.to), App: out.client.app.Name}})
	}
	http.Redirect(w, r.Request, out.to, http.StatusSeeOther)
	return edge.Outcome{Result: edge.OK, App: out.client.app.Slug}
}
