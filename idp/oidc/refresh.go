package oidc

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// randomToken is an opaque value of 256 bits.
func randomToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return encode64(b[:])
}

// firstRefresh makes the first refresh token of a family.
func (s *Server) firstRefresh(code *directory.Token) (*directory.Token, string) {
	value := randomToken()
	row := s.refreshRow(code, value, s.d.Now().Add(refreshTotal))
	return &row, value
}

// refreshRow is the row of a refresh token in the family of before.
func (s *Server) refreshRow(before *directory.Token, value string, end time.Time) directory.Token {
	now := s.d.Now()
	row := *before
	row.Session = nil // offline access does not end with the session
	row.Hash, row.Kind, row.Created, row.Consumed, row.Revoked = tokenHash(value), kindRefresh, now, time.Time{}, time.Time{}
	if row.Expires = now.Add(refreshIdle); row.Expires.After(end) {
		row.Expires = end
	}
	return row
}

// successor is the refresh token that follows value. It is derived, not drawn, so
// that a client whose answer was lost gets the same one again.
func (s *Server) successor(value string) string {
	return encode64(s.refreshKey.Sum([]byte(value)))
}

// refresh exchanges a refresh token for its successor (RFC 6749 §6, rotation as
// in RFC 9700 §4.14.2).
func (s *Server) refresh(ctx context.Context, r *edge.Request, c *client, p params) (*tokenAnswer, string, *failure) {
	value := p["refresh_token"]
	if value == "" {
		return nil, "", invalidRequest("refresh_token is missing")
	}
	if !c.config.refreshes() {
		return nil, "", &failure{status: http.StatusBadRequest, code: "unauthorized_client", description: "this client may not use refresh tokens"}
	}
	row, err := s.findToken(ctx, value)
	if err != nil {
		return nil, "", undecided(err)
	}
	if row == nil || row.Kind != kindRefresh || row.App != c.app.ID || row.Issuer != c.issuer {
		return nil, "", invalidGrant("the refresh token is not known here")
	}
	if !row.Revoked.IsZero() || !s.d.Now().Before(row.Expires) {
		return nil, "", invalidGrant("the refresh token is too old or was revoked")
	}
	data, err := decodeGrant(row)
	if err != nil {
		return nil, "", undecided(err)
	}
	scope := row.Scope
	if asked := p.fields("scope"); len(asked) > 0 {
		// RFC 6749 §6: never more than what was granted.
		for _, a := range asked {
			if !slices.Contains(row.Scope, a) {
				return nil, "", &failure{status: 400, code: "invalid_scope", description: "scope goes beyond what was granted"}
			}
		}
		scope = asked
	}
	dec, fail := s.admit(ctx, r, c, row, data)
	if fail != nil {
		return nil, "", fail
	}
	data.Nonce = "" // OpenID Connect Core §12.2: it belongs to the authorization request
	answer, fail := s.issue(ctx, c, row, data, &dec, scope)
	if fail != nil {
		return nil, "", fail
	}
	answer.RefreshToken = s.successor(value)
	won, err := s.rotate(ctx, row, data.Began.Add(refreshTotal), answer.RefreshToken)
	if err != nil {
		return nil, "", undecided(err)
	}
	if !won {
		return nil, "", s.reused(ctx, row)
	}
	return answer, dec.User.Username, nil
}

// anchored reports whether the anchor of a family is there and not revoked, and
// keeps it so until the transaction ends.
func anchored(a *directory.Artefacts, family string) (bool, error) {
	for row, err := range a.Tokens.Take(directory.TokenQuery{Family: family, Kind: kindCode}) {
		return err == nil && row.Revoked.IsZero(), err
	}
	return false, nil
}

// rotate replaces a refresh token by its successor. A token that was replaced
// less than refreshGrace ago, and whose successor was not used yet, may be shown
// again: the answer was lost on the way. Any other second use is a theft, and
// won is false.
func (s *Server) rotate(ctx context.Context, token *directory.Token, end time.Time, next string) (won bool, err error) {
	now := s.d.Now()
	err = s.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		won = false
		// A family ends with its anchor: a revocation that ran at the same time may
		// not have seen the newest token.
		if alive, err := anchored(a, token.Family); err != nil || !alive {
			return err
		}
		row, err := takeToken(a, token.Hash)
		if err != nil || row == nil || !row.Revoked.IsZero() {
			return err
		}
		if row.Consumed.IsZero() {
			if err := a.Tokens.Insert(s.refreshRow(row, next, end)); err != nil {
				return err
			}
			won = true
			row.Consumed = now
			return a.Tokens.Update(*row)
		}
		if now.Sub(row.Consumed) > refreshGrace {
			return nil
		}
		follower, err := takeToken(a, tokenHash(next))
		won = err == nil && follower != nil && follower.Consumed.IsZero() && follower.Revoked.IsZero()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("rotate a refresh token: %w", err)
	}
	return won, nil
}
