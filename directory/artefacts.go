package directory

import "context"

// Artefacts are the tables that daemons keep by themselves inside one
// transaction: what opens something for a while, and what was observed. The
// feed does not carry them. What somebody may do with an artefact is decided by
// Authorize, never by its row alone.
type Artefacts struct {
	Sessions    Table[Session, SessionQuery]
	SessionApps Table[SessionApp, SessionAppQuery]
	Tokens      Table[Token, TokenQuery]
	Consents    Table[Consent, ConsentQuery]
	Network     Table[RADIUSSession, RADIUSSessionQuery]
	Accounting  Table[RADIUSAccounting, RADIUSAccountingQuery]
	Jobs        Table[Job, JobQuery]
}

func artefactsOf(tx *Tx) *Artefacts {
	return &Artefacts{
		Sessions: tx.Sessions, SessionApps: tx.SessionApps, Tokens: tx.Tokens, Consents: tx.Consents,
		Network: tx.Network, Accounting: tx.Accounting, Jobs: tx.Jobs,
	}
}

// RecordArtefacts runs fn in a writing transaction. Rows that are read to be
// changed must be read with Take. It returns after the commit.
func (d *Directory) RecordArtefacts(ctx context.Context, fn func(*Artefacts) error) error {
	return d.store.Record(ctx, func(tx *Tx) error { return fn(artefactsOf(tx)) })
}

// ReadArtefacts runs fn on a consistent snapshot that begins after the call.
func (d *Directory) ReadArtefacts(ctx context.Context, fn func(*Artefacts) error) error {
	return d.store.View(ctx, func(tx *Tx) error { return fn(artefactsOf(tx)) })
}

// NewID makes a row id for an artefact.
func (d *Directory) NewID() (int64, error) { return d.ids.next() }

// Unlock clears what the limiter knows of a user, in every process.
func (d *Directory) Unlock(ctx context.Context, by Actor, id UserID) error {
	_, err := d.Write(ctx, by, func(w *Writer) error { return w.unlock(id) })
	return err
}

func (w *Writer) unlock(id UserID) error {
	if err := w.require(VerbUnlock, id); err != nil {
		return err
	}
	u, err := w.User(id)
	if err != nil {
		return err
	}
	if _, err := w.tx.Failures.Delete(FailuresQuery{User: id}); err != nil {
		return err
	}
	if err := w.changed(CredentialsChanged, int64(id), u.Rev); err != nil {
		return err
	}
	return w.audit(VerbUnlock, u.touched(), nil)
}
