package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"gatehouse/directory/schema"
	"gatehouse/directory/seal"
)

func (s *SCIMSource) touched() touched {
	return touched{entity: "scim source", ref: int64(s.ID), name: s.Name}
}

// minTokenLength is how long a SCIM token that was not generated must be.
const minTokenLength = 32

// NewSCIMSource is what SaveSCIMSource writes.
type NewSCIMSource struct {
	Name   string
	Token  Secret // bearer token of at least 32 characters; empty: keep what there is
	Config schema.SCIMSource
}

// SaveSCIMSource creates a SCIM source, or changes the one of that name. A new
// token makes the old one the previous: both are accepted until the next.
func (w *Writer) SaveSCIMSource(n NewSCIMSource) (SCIMSource, error) {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return SCIMSource{}, err
	}
	if err := n.Config.Check(); err != nil {
		return SCIMSource{}, &Error{Kind: Invalid, Entity: "scim source", Field: "scim_sources", Msg: n.Name + ": " + err.Error()}
	}
	config, err := json.Marshal(n.Config)
	if err != nil {
		return SCIMSource{}, fmt.Errorf("encode a SCIM source: %w", err)
	}
	old, found, err := one(w.tx.SCIMSources.Find(SCIMSourceQuery{Names: []string{n.Name}}))
	if err != nil {
		return SCIMSource{}, err
	}
	s := old
	s.Name, s.Config, s.Updated = n.Name, config, w.now
	if !found {
		id, uid, err := w.newRow()
		if err != nil {
			return SCIMSource{}, err
		}
		s.ID, s.UID, s.Source, s.Created = SCIMSourceID(id), uid, w.by.Label(), w.now
	}
	if err := w.setToken(&s, n.Token, found); err != nil {
		return SCIMSource{}, err
	}
	if found && bytes.Equal(s.Tokens[0], old.Tokens[0]) && string(s.Config) == string(old.Config) {
		return old, nil
	}
	s.Rev++
	if found {
		err = w.tx.SCIMSources.Update(s)
	} else {
		err = w.tx.SCIMSources.Insert(s)
	}
	if err != nil {
		return SCIMSource{}, err
	}
	if err := w.changed(SCIMSourceChanged, int64(s.ID), s.Rev); err != nil {
		return SCIMSource{}, err
	}
	changed := diffs{}
	changed.config(old.Config, s.Config)
	changed.secret("token", !bytes.Equal(s.Tokens[0], old.Tokens[0]))
	return s, w.audit(VerbWriteConfig, s.touched(), changed)
}

func (w *Writer) setToken(s *SCIMSource, token Secret, found bool) error {
	switch {
	case token == "" && found:
		return nil
	case len(token) < minTokenLength:
		return invalid("scim source", "token", "the token of %s must have at least %d characters", s.Name, minTokenLength)
	}
	sum, err := w.d.tokenSum(token)
	if err != nil {
		return err
	}
	if bytes.Equal(sum, s.Tokens[0]) {
		return nil
	}
	other, taken, err := one(w.tx.SCIMSources.Find(SCIMSourceQuery{Token: sum}))
	if err != nil {
		return err
	}
	if taken && other.ID != s.ID {
		return &Error{Kind: Exists, Entity: "scim source", Field: "token", Msg: "another source has the same token"}
	}
	s.Tokens[1], s.Tokens[0] = s.Tokens[0], sum
	return nil
}

// tokenSum is how SCIM tokens are kept and found: by a MAC, so that comparing
// them leaks nothing.
func (d *Directory) tokenSum(token Secret) ([]byte, error) {
	key, err := d.keys.MAC(seal.Lookup, "scim-token")
	if err != nil {
		return nil, err
	}
	return key.Sum([]byte(token.Reveal())), nil
}

// SCIMSourceByToken returns the source that a bearer token belongs to, after
// passing the freshness barrier, and the actor it is. found is false for a token
// of nobody.
func (d *Directory) SCIMSourceByToken(ctx context.Context, token Secret) (s SCIMSource, by Actor, found bool, err error) {
	if len(token) < minTokenLength || len(token) > 4096 {
		return s, by, false, nil
	}
	if _, err := d.Barrier(ctx); err != nil {
		return s, by, false, err
	}
	sum, err := d.tokenSum(token)
	if err != nil {
		return s, by, false, err
	}
	err = d.store.View(ctx, func(tx *Tx) error {
		s, found, err = one(tx.SCIMSources.Find(SCIMSourceQuery{Token: sum}))
		return err
	})
	by = Actor{Kind: ActorSource, Source: s.ID, Name: s.Name, Via: "scim"}
	return s, by, found, err
}

// DeleteSCIMSource deletes a source: its tokens open nothing any more. What it
// created stays.
func (w *Writer) DeleteSCIMSource(id SCIMSourceID) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	s, found, err := one(w.tx.SCIMSources.Find(SCIMSourceQuery{IDs: []SCIMSourceID{id}}))
	if err != nil {
		return err
	}
	if !found {
		return notFound("scim source", "id")
	}
	if _, err := w.tx.SCIMSources.Delete(SCIMSourceQuery{IDs: []SCIMSourceID{id}}); err != nil {
		return err
	}
	if err := w.changed(SCIMSourceChanged, int64(id), s.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, s.touched(), map[string]any{"deleted": true})
}
