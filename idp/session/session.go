package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/idp/edge"
)

// CookieName is the cookie that holds the session. Browsers take a __Host-
// cookie only from the host itself, over TLS.
const CookieName = "__Host-sid"

// touchEvery bounds how often the use of a session is written down.
const touchEvery = 5 * time.Minute

// Config is what a Manager is made of. Directory is required.
type Config struct {
	Directory *directory.Directory
	Idle      time.Duration // ends a session that is not used; 0: 8 h
	Absolute  time.Duration // ends any session; 0: 24 h
}

// Manager begins, finds and ends sessions. It is safe for concurrent use.
type Manager struct {
	d              *directory.Directory
	idle, absolute time.Duration
}

// New returns a Manager.
func New(c Config) *Manager {
	m := &Manager{d: c.Directory, idle: c.Idle, absolute: c.Absolute}
	if m.idle == 0 {
		m.idle = 8 * time.Hour
	}
	if m.absolute == 0 {
		m.absolute = 24 * time.Hour
	}
	return m
}

// Live is a session that was found alive, with what the core says of its user.
type Live struct {
	directory.Session
	User     directory.User     // known only when the core allows; see Current
	Decision directory.Decision // about the app that was asked for
	StepUp   bool               // a second factor would let the person into the app
	secret   string
}

// FormToken is the token for forms of one kind that this session is shown
// (CSRF): only who knows the cookie can make it.
func (l *Live) FormToken(form string) string { return formToken(l.secret, form) }

// CheckFormToken reports whether token was made for form in this session.
func (l *Live) CheckFormToken(form, token string) bool {
	return hmac.Equal([]byte(token), []byte(l.FormToken(form)))
}

func formToken(secret, form string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("gatehouse form\x00" + form))
	return hex.EncodeToString(mac.Sum(nil))
}

// Current finds the session of a request; nil: nobody is signed in. app is the
// slug of the app to be entered through door, or empty; the decision about it is
// in Live.Decision and may be a denial. A denial that concerns the person and not
// the app ends the search with nil: that session opens nothing any more. The
// error means that nobody could decide.
func (m *Manager) Current(ctx context.Context, r *edge.Request, app string, door directory.Protocol) (*Live, error) {
	secret, ok := readCookie(r.Request)
	if !ok {
		return nil, nil
	}
	row, err := m.find(ctx, hash(secret))
	if err != nil || row == nil {
		return nil, err
	}
	dec, err := m.authorize(ctx, Admission(r, row, app, door))
	if err != nil {
		return nil, err
	}
	person := dec
	if !dec.Allowed() && app != "" {
		if person, err = m.authorize(ctx, Admission(r, row, "", directory.ProtocolWeb)); err != nil {
			return nil, err
		}
	}
	if !person.Allowed() {
		return nil, nil
	}
	if now := m.d.Now(); now.Sub(row.LastSeen) >= touchEvery {
		if err := m.touch(ctx, row.Hash, now); err != nil {
			return nil, err
		}
	}
	live := &Live{Session: *row, User: person.User, Decision: dec, secret: secret}
	if !dec.Allowed() && !slices.ContainsFunc(row.Factors, isCode) {
		if live.StepUp, err = m.d.StepUp(ctx, Admission(r, row, app, door)); err != nil {
			return nil, fmt.Errorf("ask what a second factor would open: %w", err)
		}
	}
	return live, nil
}

// isCode reports whether a factor is a one-time code: a session that has one is
// not asked for another.
func isCode(f directory.Factor) bool {
	return f == directory.FactorTOTP || f == directory.FactorRecoveryCode
}

// Admission says how the holder of a session wants to enter an app, or with no
// app to go on.
func Admission(r *edge.Request, row *directory.Session, app string, door directory.Protocol) directory.Admission {
	return directory.Admission{
		User: row.User, Epoch: row.Epoch, App: app, Protocol: door, Peer: r.Peer, Client: r.Client,
		Factors: row.Factors, AuthTime: row.AuthTime, Entering: app != "",
		Context: map[string]string{directory.ContextUserAgent: UserAgent(r.Request)},
	}
}

func (m *Manager) authorize(ctx context.Context, a directory.Admission) (directory.Decision, error) {
	dec, err := m.d.Authorize(ctx, a)
	if err != nil {
		return dec, fmt.Errorf("authorize a session: %w", err)
	}
	return dec, nil
}

// find returns the row of a session that is in force; nil: there is none.
func (m *Manager) find(ctx context.Context, h []byte) (*directory.Session, error) {
	var found *directory.Session
	err := m.d.ReadArtefacts(ctx, func(a *directory.Artefacts) error {
		found = nil
		for row, err := range a.Sessions.Find(directory.SessionQuery{Hashes: [][]byte{h}}) {
			if err != nil {
				return err
			}
			if InForce(&row, m.d.Now()) {
				found = &row
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find a session: %w", err)
	}
	return found, nil
}

// InForce reports whether a session is neither ended nor over at t. Whether its
// user may still do anything is for the core to say.
func InForce(s *directory.Session, t time.Time) bool {
	return s.Revoked.IsZero() && t.Before(s.IdleUntil) && t.Before(s.Expires)
}

// touch moves the idle limit of a session.
func (m *Manager) touch(ctx context.Context, h []byte, now time.Time) error {
	err := m.d.RecordArtefacts(ctx, func(a *directory.Artefacts) error {
		for row, err := range a.Sessions.Take(directory.SessionQuery{Hashes: [][]byte{h}}) {
			if err != nil {
				return err
			}
			if !InForce(&row, now) {
				return nil
			}
			row.LastSeen, row.IdleUntil = now, now.Add(m.idle)
			if row.IdleUntil.After(row.Expires) {
				row.IdleUntil = row.Expires
			}
			return a.Sessions.Update(row)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the use of a session: %w", err)
	}
	return nil
}

func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func cookie(value string, age int) *http.Cookie {
	return &http.Cookie{Name: CookieName, Value: value, MaxAge: age, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// readCookie returns the value of the cookie when it has the form of ours.
func readCookie(r *http.Request) (string, bool) {
	c, err := r.Cookie(CookieName)
	if err != nil || len(c.Value) != 43 {
		return "", false
	}
	_, err = base64.RawURLEncoding.DecodeString(c.Value)
	return c.Value, err == nil
}

// UserAgent is what the browser calls itself, cut to what is worth keeping.
func UserAgent(r *http.Request) string {
	ua := r.UserAgent()
	return ua[:min(len(ua), 256)]
}
