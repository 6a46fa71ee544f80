package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"

	"gatehouse/directory"
	"gatehouse/idp/edge"
	"gatehouse/idp/session"
)

// redeemCode exchanges an authorization code (RFC 6749 §4.1.3). Everything is
// checked and signed before the code is consumed, and nothing is answered unless
// this call was the one that consumed it.
func (s *Server) redeemCode(ctx context.Context, r *edge.Request, c *client, p params) (*tokenAnswer, string, *failure) {
	if p["code"] == "" {
		return nil, "", invalidRequest("code is missing")
	}
	row, err := s.findToken(ctx, p["code"])
	if err != nil {
		return nil, "", undecided(err)
	}
	if row == nil || row.Kind != kindCode || row.App != c.app.ID || row.Issuer != c.issuer {
		return nil, "", invalidGrant("the code is not known here")
	}
	if !row.Consumed.IsZero() {
		return nil, "", s.reused(ctx, row)
	}
	data, err := decodeGrant(row)
	if err != nil {
		return nil, "", undecided(err)
	}
	if fail := s.checkCode(row, data, c, p); fail != nil {
		return nil, "", fail
	}
	if ok, err := s.sessionInForce(ctx, row.Session); err != nil || !ok {
		if err != nil {
			return nil, "", undecided(err)
		}
		return nil, "", invalidGrant("the person has signed out")
	}
	dec, fail := s.admit(ctx, r, c, row, data)
	if fail != nil {
		return nil, "", fail
	}
	answer, fail := s.issue(ctx, c, row, data, &dec, row.Scope)
	if fail != nil {
		return nil, "", fail
	}
	var next *directory.Token
	if slices.Contains(row.Scope, scopeOffline) && c.config.refreshes() {
		next, answer.RefreshToken = s.firstRefresh(row)
	}
	won, err := s.consumeCode(ctx, row, next)
	if err != nil {
		return nil, "", undecided(err)
	}
	if !won {
		return nil, "", s.reused(ctx, row)
	}
	return answer, dec.User.Username, nil
}

// checkCode compares what was presented with what the code was issued for.
func (s *Server) checkCode(row *directory.Token, data *grantData, c *client, p params) *failure {
	switch {
	case !row.Revoked.IsZero() || !s.d.Now().Before(row.Expires):
		return invalidGrant("the code is too old or was revoked")
	case p["redirect_uri"] != data.RedirectURI:
		// RFC 6749 §4.1.3: identical to the one of the authorization request.
		return invalidGrant("redirect_uri is not the one of the authorization request")
	case data.Challenge == "" && c.config.public():
		return invalidGrant("a public client needs PKCE")
	case data.Challenge == "" && p["code_verifier"] != "":
		// RFC 9700 §2.1.1: a verifier without a challenge is a downgrade.
		return invalidGrant("code_verifier without code_challenge")
	case data.Challenge != "" && !verifierFits(p["code_verifier"], data.Challenge):
		// Trap 06 "confidential client may omit the PKCE verifier": whoever sent a
		// challenge must show the verifier.
		return invalidGrant("code_verifier does not fit code_challenge")
	default:
		return nil
	}
}

// verifierFits checks PKCE with S256 (RFC 7636 §4.6).
func verifierFits(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(encode64(sum[:])), []byte(challenge)) == 1
}

// consumeCode turns a code into the tombstone that anchors its family, and adds
// the family's first refresh token. won is false when somebody else was faster.
func (s *Server) consumeCode(ctx context.Context, code, refresh *directory.Token) (won bool, err error) {
	now := s.d.Now()
	err = s.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		won = false
		row, err := takeToken(a, code.Hash)
		if err != nil || row == nil || !row.Consumed.IsZero() || !row.Revoked.IsZero() {
			return err
		}
		row.Consumed, row.Expires = now, now.Add(accessLife)
		if refresh != nil {
			row.Expires = now.Add(refreshTotal)
			if err := a.Tokens.Insert(*refresh); err != nil {
				return err
			}
		}
		won = true
		return a.Tokens.Update(*row)
	})
	if err != nil {
		return false, fmt.Errorf("consume a code: %w", err)
	}
	return won, nil
}

// reused answers the second use of a code or refresh token: whoever has a copy
// has a stolen one, so all that came from it ends (RFC 6749 §4.1.2, RFC 9700
// §4.14.2).
func (s *Server) reused(ctx context.Context, row *directory.Token) *failure {
	err := s.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error { return revokeFamily(a, row.Family, s.d.Now()) })
	if err != nil {
		return undecided(fmt.Errorf("revoke a family: %w", err))
	}
	f := invalidGrant("it was used before; everything that came from it is revoked")
	f.reason = "reused"
	return f
}

// sessionInForce reports whether the session that a code was issued in goes on.
func (s *Server) sessionInForce(ctx context.Context, hash []byte) (bool, error) {
	ok := false
	err := s.d.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		ok = false
		for row, err := range a.Sessions.Find(directory.SessionQuery{Hashes: [][]byte{hash}}) {
			if err != nil {
				return err
			}
			ok = session.InForce(&row, s.d.Now())
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("find the session of a code: %w", err)
	}
	return ok, nil
}

// issueCode makes a code for a session that may enter the app, and notes that the
// app was entered in it.
func (s *Server) issueCode(ctx context.Context, c *client, live *session.Live, scope []string, data grantData) (string, error) {
	now := s.d.Now()
	data.Began = now
	value := randomToken()
	row := directory.Token{
		Hash: tokenHash(value), Kind: kindCode, Family: randomToken(), Session: live.Hash, App: c.app.ID, User: live.User.ID,
		Epoch: live.Epoch, Issuer: c.issuer, Audience: []string{c.id}, Scope: scope, Created: now, Expires: now.Add(codeLife),
	}
	record := func(a *directory.Artefacts) (err error) {
		if data.SID, err = sidOf(a, directory.SessionApp{Session: live.Hash, App: c.app.ID, Created: now}); err != nil {
			return err
		}
		if row.Data, err = json.Marshal(data); err != nil {
			return err
		}
		return a.Tokens.Insert(row)
	}
	err := s.d.RecordArtefacts(ctx, record)
	if directory.Is(err, directory.Exists) { // another process has just noted the app
		err = s.d.RecordArtefacts(ctx, record)
	}
	if err != nil {
		return "", fmt.Errorf("store a code: %w", err)
	}
	return value, nil
}

// sidOf returns what an app knows a session by, and makes it up the first time.
func sidOf(a *directory.Artefacts, entry directory.SessionApp) (string, error) {
	for row, err := range a.SessionApps.Find(directory.SessionAppQuery{Sessions: [][]byte{entry.Session}}) {
		if err != nil {
			return "", err
		}
		if row.App == entry.App {
			return row.SID, nil
		}
	}
	entry.SID = randomToken()
	return entry.SID, a.SessionApps.Insert(entry)
}
