package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// The kinds of our rows in the tokens table.
const (
	kindCode    = "oidc_code"           // an authorization code; afterwards the anchor of its family
	kindRefresh = "oidc_refresh"        // a refresh token
	kindRevoked = "oidc_access_revoked" // an access token that was revoked before its time
)

// How long things last. What a relying party checks by itself lives five minutes.
const (
	codeLife     = time.Minute
	accessLife   = 5 * time.Minute
	idLife       = 5 * time.Minute
	refreshIdle  = 30 * 24 * time.Hour
	refreshTotal = 180 * 24 * time.Hour
	refreshGrace = 30 * time.Second
)

// grantData is what the rows of a family carry beside their columns.
type grantData struct {
	RedirectURI string             `json:"redirect_uri,omitempty"`
	Challenge   string             `json:"challenge,omitempty"` // PKCE, S256
	Nonce       string             `json:"nonce,omitempty"`
	SID         string             `json:"sid,omitempty"`
	AuthTime    time.Time          `json:"auth_time"`
	Factors     []directory.Factor `json:"factors,omitempty"`
	Began       time.Time          `json:"began"` // of the family

	// The person's device when they entered the app: what the app asks for later
	// comes from a server of its own.
	Client    netip.Addr `json:"client,omitzero"`
	UserAgent string     `json:"user_agent,omitempty"`
}

// tokenAnswer is the answer of the token endpoint (RFC 6749 §5.1).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}

// token is the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *edge.Request, at place) edge.Outcome {
	p, fail := postParams(w, r.Request)
	if fail != nil {
		return fail.write(w)
	}
	c, fail := s.authenticate(r.Context(), r.Request, p, at)
	if fail != nil {
		return fail.write(w)
	}
	s.allowOrigin(w, r.Request, c)
	grants := map[string]func(context.Context, *edge.Request, *client, params) (*tokenAnswer, string, *failure){
		"authorization_code": s.redeemCode,
		"refresh_token":      s.refresh,
		"client_credentials": s.clientCredentials,
	}
	grant, known := grants[p["grant_type"]]
	var answer *tokenAnswer
	var user string
	switch {
	case p["grant_type"] == "":
		fail = invalidRequest("grant_type is missing")
	case !known:
		fail = &failure{status: http.StatusBadRequest, code: "unsupported_grant_type", description: "this grant type is not served here"}
	default:
		answer, user, fail = grant(r.Context(), r, c, p)
	}
	if fail != nil {
		out := fail.write(w)
		out.App, out.User = c.app.Slug, user
		return out
	}
	writeJSON(w, http.StatusOK, answer)
	return edge.Outcome{Result: edge.Allowed, App: c.app.Slug, User: user, Reason: p["grant_type"]}
}

// clientCredentials issues a token to the client itself (RFC 6749 §4.4).
func (s *Server) clientCredentials(ctx context.Context, _ *edge.Request, c *client, p params) (*tokenAnswer, string, *failure) {
	if c.config.public() || !c.config.ownTokens() {
		return nil, "", &failure{status: http.StatusBadRequest, code: "unauthorized_client", description: "this client may not have a token for itself"}
	}
	keys, err := s.keys.set(ctx)
	if err != nil {
		return nil, "", undecided(err)
	}
	now := s.d.Now()
	claims := accessClaims{
		Issuer: c.issuer, Subject: c.id, Audience: []string{c.id}, ClientID: c.id,
		IssuedAt: now.Unix(), Expires: now.Add(accessLife).Unix(), ID: rand.Text(),
	}
	access, err := keys.active[ES256].sign(typeAccess, claims)
	if err != nil {
		return nil, "", undecided(err)
	}
	return &tokenAnswer{AccessToken: access, TokenType: "Bearer", ExpiresIn: int64(accessLife.Seconds())}, "", nil
}

// admission says how the user of a row goes on in an app, which asks from a
// server of its own. Its rules see the person as they entered.
func (g *grantData) admission(r *edge.Request, c *client, row *directory.Token) directory.Admission {
	return directory.Admission{
		User: row.User, Epoch: row.Epoch, App: c.app.Slug, Protocol: directory.ProtocolOIDC,
		Peer: r.Peer, Client: g.Client, Factors: g.Factors, AuthTime: g.AuthTime,
		Context: map[string]string{directory.ContextUserAgent: g.UserAgent},
	}
}

// admit asks the core, behind its barrier, whether the user of a row may still
// enter the app.
func (s *Server) admit(ctx context.Context, r *edge.Request, c *client, row *directory.Token, data *grantData) (directory.Decision, *failure) {
	dec, err := s.d.Authorize(ctx, data.admission(r, c, row))
	if err != nil {
		return dec, undecided(fmt.Errorf("authorize a grant: %w", err))
	}
	if !dec.Allowed() {
		f := invalidGrant("the person may not enter the app any more")
		f.reason = dec.Reason
		return dec, f
	}
	return dec, nil
}

// issue signs the tokens for a person. scope is what the access token is good
// for, data what the family remembers; a refresh token is added by the caller.
func (s *Server) issue(ctx context.Context, c *client, row *directory.Token, data *grantData, dec *directory.Decision, scope []string) (*tokenAnswer, *failure) {
	keys, err := s.keys.set(ctx)
	if err != nil {
		return nil, undecided(err)
	}
	now := s.d.Now()
	access, err := keys.active[ES256].sign(typeAccess, accessClaims{
		Issuer: c.issuer, Subject: dec.User.UID, Audience: []string{c.id}, ClientID: c.id, Scope: strings.Join(scope, " "),
		IssuedAt: now.Unix(), Expires: now.Add(accessLife).Unix(), ID: rand.Text(), AuthTime: unix(data.AuthTime), Family: row.Family,
	})
	if err != nil {
		return nil, undecided(err)
	}
	answer := &tokenAnswer{AccessToken: access, TokenType: "Bearer", ExpiresIn: int64(accessLife.Seconds()), Scope: strings.Join(scope, " ")}
	if !slices.Contains(scope, scopeOpenID) {
		return answer, nil
	}
	// OpenID Connect Core §2. The subject is set here and nowhere else, so that no
	// ID token is without it.
	claims := userClaims(s.claims, &dec.User, dec.Groups, scope)
	for name, value := range map[string]any{
		"iss": c.issuer, "sub": dec.User.UID, "aud": c.id, "iat": now.Unix(), "exp": now.Add(idLife).Unix(),
		"auth_time": unix(data.AuthTime), "at_hash": halfHash(access), "amr": methods(data.Factors), "sid": data.SID,
	} {
		claims[name] = value
	}
	if data.Nonce != "" {
		claims["nonce"] = data.Nonce
	}
	if answer.IDToken, err = keys.active[c.config.idTokenAlg()].sign(typeID, claims); err != nil {
		return nil, undecided(err)
	}
	return answer, nil
}

// tokenHash is what the store keeps of a code or token.
func tokenHash(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

// takeToken returns one row by its hash for writing; nil: there is none.
func takeToken(a *directory.Artefacts, hash []byte) (*directory.Token, error) {
	for row, err := range a.Tokens.Take(directory.TokenQuery{Hashes: [][]byte{hash}}) {
		if err != nil {
			return nil, err
		}
		return &row, nil
	}
	return nil, nil
}

// findToken returns one row by the value of the code or token; nil: there is
// none.
func (s *Server) findToken(ctx context.Context, value string) (*directory.Token, error) {
	var found *directory.Token
	err := s.d.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		found = nil
		for row, err := range a.Tokens.Find(directory.TokenQuery{Hashes: [][]byte{tokenHash(value)}}) {
			if err != nil {
				return err
			}
			found = &row
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find a token: %w", err)
	}
	return found, nil
}

// revokeFamily ends everything that came from one authorization.
func revokeFamily(a *directory.Artefacts, family string, now time.Time) error {
	var rows []directory.Token
	for row, err := range a.Tokens.Take(directory.TokenQuery{Family: family}) {
		if err != nil {
			return err
		}
		if row.Revoked.IsZero() {
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		row.Revoked = now
		if err := a.Tokens.Update(row); err != nil {
			return err
		}
	}
	return nil
}

func decodeGrant(row *directory.Token) (*grantData, error) {
	data := new(grantData)
	if err := json.Unmarshal(row.Data, data); err != nil {
		return nil, fmt.Errorf("decode the data of a token: %w", err)
	}
	return data, nil
}
