package oidc

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// access is an access token of ours that still counts.
type access struct {
	accessClaims
	decision directory.Decision // about the person; the zero value for a client's own token
	anchor   *directory.Token   // of the family; nil for a client's own token
}

// openAccess checks an access token presented at a place: signature, type,
// issuer, time; whether it or its family was revoked; and, behind the core's
// barrier, whether its user may still enter the app. A nil access means that it
// does not count.
func (s *Server) openAccess(ctx context.Context, r *edge.Request, token string, at place) (*access, *client, error) {
	keys, err := s.keys.set(ctx)
	if err != nil {
		return nil, nil, err
	}
	a := new(access)
	if keys.openToken(token, typeAccess, &a.accessClaims) != nil || s.d.Now().Unix() >= a.Expires {
		return nil, nil, nil
	}
	c, err := s.clients.find(ctx, a.ClientID, at)
	if err != nil {
		return nil, nil, err
	}
	// 10-security: every later step at another issuer fails.
	if c == nil || c.issuer != a.Issuer {
		return nil, nil, nil
	}
	revoked, err := s.anchorOf(ctx, a)
	if err != nil || revoked {
		return nil, nil, err
	}
	if a.Family == "" {
		return a, c, nil
	}
	if a.anchor == nil || a.anchor.App != c.app.ID || a.anchor.Issuer != c.issuer {
		return nil, nil, nil
	}
	data, err := decodeGrant(a.anchor)
	if err != nil {
		return nil, nil, err
	}
	a.decision, err = s.d.Authorize(ctx, data.admission(r, c, a.anchor))
	if err != nil {
		return nil, nil, fmt.Errorf("authorize an access token: %w", err)
	}
	if !a.decision.Allowed() {
		return nil, nil, nil
	}
	return a, c, nil
}

// anchorOf reads the row that a token's family hangs on, and whether the token or
// the family was revoked.
func (s *Server) anchorOf(ctx context.Context, a *access) (revoked bool, err error) {
	err = s.d.ReadArtefacts(ctx, func(t *directory.Artefacts) error {
		revoked, a.anchor = false, nil
		for _, err := range t.Tokens.Find(directory.TokenQuery{Hashes: [][]byte{tokenHash(a.ID)}, Kind: kindRevoked}) {
			if err != nil {
				return err
			}
			revoked = true
		}
		if revoked || a.Family == "" {
			return nil
		}
		for row, err := range t.Tokens.Find(directory.TokenQuery{Family: a.Family, Kind: kindCode}) {
			if err != nil {
				return err
			}
			a.anchor, revoked = &row, !row.Revoked.IsZero()
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("find the family of a token: %w", err)
	}
	return revoked, nil
}

// userinfo is the UserInfo endpoint (OpenID Connect Core §5.3).
func (s *Server) userinfo(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	token, fail := bearer(w, r.Request)
	if fail != nil {
		return fail.write(w)
	}
	a, c, err := s.openAccess(r.Context(), r, token, at)
	if err != nil {
		return undecided(err).write(w)
	}
	if a == nil {
		return invalidToken().write(w)
	}
	s.allowOrigin(w, r.Request, c)
	scope := strings.Fields(a.Scope)
	if a.Family == "" || !slices.Contains(scope, scopeOpenID) {
		return (&failure{status: http.StatusForbidden, code: "insufficient_scope", description: "the token was not issued for openid", challenge: challengeBearer}).write(w)
	}
	writeJSON(w, http.StatusOK, userClaims(s.claims, &a.decision.User, a.decision.Groups, scope))
	return edge.Outcome{Result: edge.OK, App: c.app.Slug, User: a.decision.User.Username}
}

// bearer returns the access token of a request (RFC 6750 §2.1, §2.2). Never from
// the address: it would end up in logs.
func bearer(w http.ResponseWriter, r *http.Request) (string, *failure) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		return "", &failure{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "this endpoint takes GET and POST"}
	}
	header := r.Header.Values("Authorization")
	inBody := ""
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		p, fail := postParams(w, r)
		if fail != nil {
			return "", fail
		}
		inBody = p["access_token"]
	}
	switch {
	case len(header) > 1 || len(header) == 1 && inBody != "":
		return "", invalidRequest("the token is shown in two ways")
	case inBody != "":
		return inBody, nil
	case len(header) == 0:
		return "", &failure{status: http.StatusUnauthorized, description: "a bearer token is needed", challenge: challengeBearer}
	}
	scheme, token, ok := strings.Cut(header[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", &failure{status: http.StatusUnauthorized, description: "a bearer token is needed", challenge: challengeBearer}
	}
	return strings.TrimLeft(token, " "), nil
}

// invalidToken is RFC 6750 §3.1.
func invalidToken() *failure {
	return &failure{status: http.StatusUnauthorized, code: "invalid_token", description: "the token has expired, was revoked or is not one of ours", challenge: challengeBearer}
}

// introspection is the answer about a token (RFC 7662 §2.2).
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	Username  string   `json:"username,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
}

// introspect tells a client about a token of its own (RFC 7662). Whatever is not
// one reads {"active":false} and nothing more.
func (s *Server) introspect(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	p, c, fail := s.tokenRequest(w, r, at)
	if fail == nil && c.config.public() {
		fail = invalidClient("this endpoint is for clients with a secret")
	}
	if fail != nil {
		return fail.write(w)
	}
	answer, fail := s.introspectAccess(r, c, p["token"], at)
	if fail == nil && !answer.Active {
		answer, fail = s.introspectRefresh(r, c, p["token"])
	}
	if fail != nil {
		return fail.write(w)
	}
	writeJSON(w, http.StatusOK, answer)
	return edge.Outcome{Result: edge.OK, App: c.app.Slug, User: answer.Username}
}

// tokenRequest reads the form of introspection and revocation.
func (s *Server) tokenRequest(w http.ResponseWriter, r *edge.Request, at place) (params, *client, *failure) {
	p, fail := postParams(w, r.Request)
	if fail != nil {
		return nil, nil, fail
	}
	c, fail := s.authenticate(r.Context(), r.Request, p, at)
	if fail != nil {
		return nil, nil, fail
	}
	s.allowOrigin(w, r.Request, c)
	if p["token"] == "" {
		return nil, nil, invalidRequest("token is missing")
	}
	return p, c, nil
}

func (s *Server) introspectAccess(r *edge.Request, c *client, token string, at place) (introspection, *failure) {
	a, owner, err := s.openAccess(r.Context(), r, token, at)
	if err != nil {
		return introspection{}, undecided(err)
	}
	if a == nil || owner.app.ID != c.app.ID {
		return introspection{}, nil
	}
	return introspection{
		Active: true, Scope: a.Scope, ClientID: a.ClientID, Username: a.decision.User.Username, TokenType: "Bearer",
		Expires: a.Expires, IssuedAt: a.IssuedAt, Subject: a.Subject, Audience: a.Audience, Issuer: a.Issuer, ID: a.ID,
	}, nil
}

func (s *Server) introspectRefresh(r *edge.Request, c *client, token string) (introspection, *failure) {
	row, err := s.findToken(r.Context(), token)
	if err != nil {
		return introspection{}, undecided(err)
	}
	if row == nil || row.Kind != kindRefresh || row.App != c.app.ID || row.Issuer != c.issuer ||
		!row.Consumed.IsZero() || !row.Revoked.IsZero() || !s.d.Now().Before(row.Expires) {
		return introspection{}, nil
	}
	data, err := decodeGrant(row)
	if err != nil {
		return introspection{}, undecided(err)
	}
	dec, fail := s.admit(r.Context(), r, c, row, data)
	if fail != nil {
		if fail.err != nil {
			return introspection{}, fail
		}
		return introspection{}, nil
	}
	return introspection{
		Active: true, Scope: strings.Join(row.Scope, " "), ClientID: c.id, Username: dec.User.Username,
		Expires: row.Expires.Unix(), IssuedAt: row.Created.Unix(), Subject: dec.User.UID, Issuer: row.Issuer,
	}, nil
}

// revoke is the revocation endpoint (RFC 7009). A refresh token takes its whole
// family with it, an access token only itself. A token that is not the client's,
// or none at all, is answered like success (§2.2).
func (s *Server) revoke(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	p, c, fail := s.tokenRequest(w, r, at)
	if fail == nil {
		fail = s.revokeToken(r.Context(), c, p["token"])
	}
	if fail != nil {
		return fail.write(w)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return edge.Outcome{Result: edge.OK, App: c.app.Slug}
}

func (s *Server) revokeToken(ctx context.Context, c *client, token string) *failure {
	row, err := s.findToken(ctx, token)
	if err != nil {
		return undecided(err)
	}
	if row != nil {
		if row.Kind != kindRefresh || row.App != c.app.ID {
			return nil
		}
		err := s.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error { return revokeFamily(a, row.Family, s.d.Now()) })
		if err != nil {
			return undecided(fmt.Errorf("revoke a family: %w", err))
		}
		return nil
	}
	keys, err := s.keys.set(ctx)
	if err != nil {
		return undecided(err)
	}
	var claims accessClaims
	if keys.openToken(token, typeAccess, &claims) != nil || claims.ClientID != c.id || claims.Issuer != c.issuer || s.d.Now().Unix() >= claims.Expires {
		return nil
	}
	return s.denyAccess(ctx, c, &claims)
}

// denyAccess remembers that an access token was revoked, until it would have
// ended by itself.
func (s *Server) denyAccess(ctx context.Context, c *client, claims *accessClaims) *failure {
	now := s.d.Now()
	row := directory.Token{
		Hash: tokenHash(claims.ID), Kind: kindRevoked, App: c.app.ID, Issuer: c.issuer,
		Created: now, Expires: now.Add(accessLife), Revoked: now,
	}
	err := s.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		if before, err := takeToken(a, row.Hash); err != nil || before != nil {
			return err
		}
		return a.Tokens.Insert(row)
	})
	if err != nil {
		return undecided(fmt.Errorf("revoke an access token: %w", err))
	}
	return nil
}
