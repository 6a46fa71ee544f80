package directory

import "strings"

// maxMessage bounds what a refused person reads.
const maxMessage = 1_000

// SavePolicy creates a policy, or changes the rule and message of the one with
// the same name. Of p are used Name, Message, and Rule or Ready. When nothing
// differs nothing is written. Invalid: the rule has a mistake, which Msg shows with a caret under it.
func (w *Writer) SavePolicy(p Policy) (Policy, error) {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return Policy{}, err
	}
	switch {
	case p.Name == "" || len(p.Name) > 256:
		return Policy{}, invalid("policy", "name", "a policy needs a name of at most 256 characters")
	case len(p.Message) > maxMessage || strings.ContainsFunc(p.Message, func(r rune) bool { return r < ' ' && r != '\n' }):
		return Policy{}, invalid("policy", "message", "policy %s: a message is text of at most %d bytes", p.Name, maxMessage)
	}
	program, err := w.d.rules.checkRule(&p)
	if err != nil {
		return Policy{}, err
	}
	if err := w.d.decidesBy(&p, program); err != nil {
		return Policy{}, err
	}
	old, found, err := one(w.tx.Policies.Find(PolicyQuery{Names: []string{p.Name}}))
	if err != nil || found && old.Rule == p.Rule && old.Message == p.Message && (old.Ready == nil) == (p.Ready == nil) {
		return old, err
	}
	changed := diffs{}
	changed.value("rule", old.Rule, p.Rule)
	changed.value("ready", old.Ready, p.Ready)
	changed.value("message", old.Message, p.Message)
	if found {
		old.Rule, old.Ready, old.Message = p.Rule, p.Ready, p.Message
		p = old
	} else {
		id, uid, err := w.newRow()
		if err != nil {
			return Policy{}, err
		}
		p.ID, p.UID, p.Source, p.Rev, p.Created = PolicyID(id), uid, w.by.Label(), 0, w.now
	}
	p.Rev++
	p.Updated = w.now
	if found {
		err = w.tx.Policies.Update(p)
	} else {
		err = w.tx.Policies.Insert(p)
	}
	if err != nil {
		return Policy{}, err
	}
	if err := w.changed(PolicyChanged, int64(p.ID), p.Rev); err != nil {
		return Policy{}, err
	}
	return p, w.audit(VerbWriteConfig, p.touched(), changed)
}

func (p *Policy) touched() touched { return touched{entity: "policy", ref: int64(p.ID), name: p.Name} }

// DeletePolicy deletes a policy. A bound one is refused unless force: then its
// bindings stay and fail.
func (w *Writer) DeletePolicy(id PolicyID, force bool) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	p, found, err := one(w.tx.Policies.Find(PolicyQuery{IDs: []PolicyID{id}}))
	if err != nil {
		return err
	}
	if !found {
		return notFound("policy", "id")
	}
	if err := w.guardBound(BindPolicy, int64(id), "policy "+p.Name, force); err != nil {
		return err
	}
	if _, err := w.tx.Policies.Delete(PolicyQuery{IDs: []PolicyID{id}}); err != nil {
		return err
	}
	if err := w.orphanBindings(BindPolicy, int64(id)); err != nil {
		return err
	}
	if err := w.changed(PolicyChanged, int64(id), p.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, p.touched(), map[string]any{"deleted": true})
}
