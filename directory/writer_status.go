package directory

import (
	"slices"
	"time"
)

// LockdownReport says what a disable or lockdown ended.
type LockdownReport struct {
	User        User
	Sessions    int // browser sessions ended
	Tokens      int // tokens and codes revoked
	Credentials int // credentials revoked; lockdown only

	Told    []ToldSession    // network sessions whose NAS is told to end them
	Waiting []WaitingSession // network sessions whose NAS cannot be told
}

// DisableUser refuses the user everywhere from the next attempt on and ends what
// is open. Credentials are kept. A user who is disabled already is left as is.
func (w *Writer) DisableUser(id UserID, reason string) (LockdownReport, error) {
	return w.shut(id, VerbDisableUser, Disabled, reason)
}

// Lockdown disables the user, revokes every credential but the password, and
// makes the password unusable until EnableUser with a new one.
func (w *Writer) Lockdown(id UserID, reason string) (LockdownReport, error) {
	return w.shut(id, VerbLockdown, LockedDown, reason)
}

func (w *Writer) shut(id UserID, v Verb, status Status, reason string) (LockdownReport, error) {
	r := LockdownReport{}
	if err := w.require(v, id); err != nil {
		return r, err
	}
	u, err := w.User(id)
	if err != nil {
		return r, err
	}
	if err := w.inScope(u); err != nil {
		return r, err
	}
	r.User = u
	if u.Status == status || u.Status == LockedDown {
		return r, nil
	}
	u.Status = status
	u.Epoch++
	if status == LockedDown {
		if r.Credentials, err = w.revokeCredentials(id); err != nil {
			return r, err
		}
		certificates, err := w.revokeCertificates(CertificateQuery{User: id})
		if err != nil {
			return r, err
		}
		r.Credentials += certificates
	}
	if err := w.endArtefacts(id, string(v), &r); err != nil {
		return r, err
	}
	err = w.saveUser(&u, UserStatusChanged, v, map[string]any{
		"reason": reason, "sessions": r.Sessions,
		"tokens": r.Tokens, "network_sessions": len(r.Told), "network_sessions_waiting": len(r.Waiting), "credentials": r.Credentials,
	})
	r.User = u
	return r, err
}

// revokeCredentials deletes every credential of the user but the password.
func (w *Writer) revokeCredentials(id UserID) (int, error) {
	creds, err := all(w.tx.Credentials.Find(CredentialQuery{Users: []UserID{id}}))
	if err != nil {
		return 0, err
	}
	ids := []CredentialID{}
	for _, c := range creds {
		if c.Kind != CredentialPassword {
			ids = append(ids, c.ID)
		}
	}
	return w.tx.Credentials.Delete(CredentialQuery{IDs: ids})
}

// endArtefacts marks the user's sessions and tokens as revoked and has the network
// sessions ended, because of why. The higher epoch has killed them already; the
// rows say so to whoever looks.
func (w *Writer) endArtefacts(id UserID, why string, r *LockdownReport) error {
	sessions, err := all(w.tx.Sessions.Take(SessionQuery{User: id, LiveAt: w.now}))
	if err != nil {
		return err
	}
	for _, s := range sessions {
		s.Revoked = w.now
		if err := w.tx.Sessions.Update(s); err != nil {
			return err
		}
	}
	tokens, err := all(w.tx.Tokens.Take(TokenQuery{User: id}))
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if !t.Revoked.IsZero() {
			continue
		}
		t.Revoked = w.now
		r.Tokens++
		if err := w.tx.Tokens.Update(t); err != nil {
			return err
		}
	}
	r.Sessions = len(sessions)
	return w.disconnectUser(id, why, r)
}

// EnableUser lets a disabled user in again. It revives no session or token. A
// user in lockdown needs afterLockdown and a new password in the same
// transaction (SetPassword).
func (w *Writer) EnableUser(id UserID, afterLockdown bool) (User, error) {
	if err := w.require(VerbEnableUser, id); err != nil {
		return User{}, err
	}
	u, err := w.User(id)
	if err != nil {
		return User{}, err
	}
	if err := w.inScope(u); err != nil {
		return User{}, err
	}
	switch {
	case u.Status == Active:
		return u, nil
	case u.Status == LockedDown && !afterLockdown:
		return User{}, &Error{
			Kind: Denied, Entity: "user", Field: "status",
			Msg: u.Username + " is in lockdown; enable with --after-lockdown and set a new password",
		}
	case u.Status == LockedDown:
		if _, err := w.tx.Credentials.Delete(CredentialQuery{Users: []UserID{id}}); err != nil {
			return User{}, err
		}
		if err := w.changed(CredentialsChanged, int64(id), u.Rev); err != nil {
			return User{}, err
		}
	}
	u.Status = Active
	return u, w.saveUser(&u, UserStatusChanged, VerbEnableUser, map[string]any{"after_lockdown": afterLockdown})
}

// orphanBindings turns the bindings of something that is deleted into missing
// ones: they still count, and match nobody.
func (w *Writer) orphanBindings(kind BindingKind, ref int64) error {
	bindings, err := all(w.tx.Bindings.Find(BindingQuery{Kind: kind, Ref: ref}))
	if err != nil {
		return err
	}
	for _, b := range bindings {
		b.Ref = 0
		if err := w.tx.Bindings.Update(b); err != nil {
			return err
		}
		if err := w.changed(AppChanged, int64(b.App), 0); err != nil {
			return err
		}
	}
	return nil
}

// Grant gives a role or a grant to a user, until expires unless that is zero.
func (w *Writer) Grant(id UserID, r Right, expires time.Time) error {
	return w.grant(id, r, Grant{User: id, Right: r, Expires: expires})
}

// Revoke takes a role or a grant from a user. Not having it is no error.
func (w *Writer) Revoke(id UserID, r Right) error { return w.grant(id, r) }

// grant makes what a user has of a right exactly these rows.
func (w *Writer) grant(id UserID, r Right, rows ...Grant) error {
	if err := w.require(VerbGrant, id); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return err
	}
	u, err := w.User(id)
	if err != nil {
		return err
	}
	if r == BreakGlass && !w.by.onTheHost() {
		return denied(w.by, VerbGrant)
	}
	if r.ofPeople() != (u.Kind == Person) {
		return invalid(entityOf(u.Kind), "grants", "%q: people have roles, service accounts have grants", string(r))
	}
	q := GrantQuery{Users: []UserID{id}, Right: r}
	before, err := all(w.tx.Grants.Find(q))
	if err != nil {
		return err
	}
	if _, err := w.tx.Grants.Delete(q); err != nil {
		return err
	}
	if err := w.tx.Grants.Insert(rows...); err != nil {
		return err
	}
	have, err := w.rightsOf(id)
	if err != nil {
		return err
	}
	if slices.Contains(have, BreakGlass) && !slices.Contains(have, RoleOwner) {
		return invalid("user", "role", "a break-glass account is an owner")
	}
	if err := w.changed(GrantsChanged, int64(id), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbGrant, u.touched(), map[string]any{"grants": diff{grantLabels(before), grantLabels(rows)}})
}

func grantLabels(rows []Grant) []string {
	labels := make([]string, len(rows))
	for i, g := range rows {
		labels[i] = termed(string(g.Right), time.Time{}, g.Expires)
	}
	return labels
}
