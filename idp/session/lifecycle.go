package session

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// Begin signs in whom dec allowed: a new session in a new cookie. The session
// that the browser had before ends; when it was the same person's, the apps that
// were opened with it are carried over.
func (m *Manager) Begin(ctx context.Context, w http.ResponseWriter, r *edge.Request, dec *directory.Decision) error {
	secret := newSecret()
	now := m.d.Now()
	row := directory.Session{
		Hash: hash(secret), User: dec.User.ID, Epoch: dec.User.Epoch, AuthTime: now, Factors: dec.Factors,
		UserAgent: UserAgent(r.Request), Created: now, LastSeen: now, IdleUntil: now.Add(m.idle), Expires: now.Add(m.absolute),
	}
	if r.Client.IsValid() {
		row.IP = r.Client.String()
	}
	if row.IdleUntil.After(row.Expires) {
		row.IdleUntil = row.Expires
	}
	before, had := readCookie(r.Request)
	err := m.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		if had {
			if err := m.succeed(a, hash(before), &row, now); err != nil {
				return err
			}
		}
		return a.Sessions.Insert(row)
	})
	if err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	http.SetCookie(w, cookie(secret, 0))
	return nil
}

// succeed ends the session old in favour of next.
func (m *Manager) succeed(a *directory.Artefacts, old []byte, next *directory.Session, now time.Time) error {
	for row, err := range a.Sessions.Take(directory.SessionQuery{Hashes: [][]byte{old}}) {
		if err != nil {
			return err
		}
		if row.User != next.User || !InForce(&row, now) {
			return end(a, row, now)
		}
		var apps []directory.SessionApp
		for app, err := range a.SessionApps.Take(directory.SessionAppQuery{Sessions: [][]byte{old}}) {
			if err != nil {
				return err
			}
			app.Session = next.Hash
			apps = append(apps, app)
		}
		if _, err := a.SessionApps.Delete(directory.SessionAppQuery{Sessions: [][]byte{old}}); err != nil {
			return err
		}
		if len(apps) > 0 {
			if err := a.SessionApps.Insert(apps...); err != nil {
				return err
			}
		}
		if err := reattach(a, old, next.Hash); err != nil {
			return err
		}
		row.Revoked = now
		return a.Sessions.Update(row)
	}
	return nil
}

// reattach hands the tokens of a session over to its successor.
func reattach(a *directory.Artefacts, old, next []byte) error {
	var tokens []directory.Token
	for t, err := range a.Tokens.Take(directory.TokenQuery{Session: old}) {
		if err != nil {
			return err
		}
		t.Session = next
		tokens = append(tokens, t)
	}
	for _, t := range tokens {
		if err := a.Tokens.Update(t); err != nil {
			return err
		}
	}
	return nil
}

// End signs out: the session, and the tokens that were to live with it, are over
// in one transaction, and the cookie is taken back.
func (m *Manager) End(ctx context.Context, w http.ResponseWriter, l *Live) error {
	now := m.d.Now()
	err := m.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		for row, err := range a.Sessions.Take(directory.SessionQuery{Hashes: [][]byte{l.Hash}}) {
			if err != nil {
				return err
			}
			return end(a, row, now)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	http.SetCookie(w, cookie("", -1))
	return nil
}

// OfflineScope is the scope by which an app asks for tokens that outlive the
// session (OpenID Connect Core §11).
const OfflineScope = "offline_access"

func end(a *directory.Artefacts, row directory.Session, now time.Time) error {
	if row.Revoked.IsZero() {
		row.Revoked = now
		if err := a.Sessions.Update(row); err != nil {
			return err
		}
	}
	var over []directory.Token
	for t, err := range a.Tokens.Take(directory.TokenQuery{Session: row.Hash}) {
		if err != nil {
			return err
		}
		// A code that was not redeemed yet is never offline.
		if t.Revoked.IsZero() && (t.Consumed.IsZero() || !slices.Contains(t.Scope, OfflineScope)) {
			over = append(over, t)
		}
	}
	for _, t := range over {
		t.Revoked = now
		if err := a.Tokens.Update(t); err != nil {
			return err
		}
	}
	return nil
}
