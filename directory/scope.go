package directory

import (
	"encoding/json"
	"fmt"

	"gatehouse/directory/name"
	"gatehouse/directory/schema"
)

// sourceScope is what a SCIM source may touch: what it created or was given,
// and the groups it was told of.
type sourceScope struct {
	label  string
	config schema.SCIMSource
}

// loadScope reads the scope when the actor is a SCIM source. A source that was
// deleted has none: Denied.
func (w *Writer) loadScope() error {
	if w.by.Kind != ActorSource {
		return nil
	}
	s, found, err := one(w.tx.SCIMSources.Find(SCIMSourceQuery{IDs: []SCIMSourceID{w.by.Source}}))
	if err != nil {
		return err
	}
	if !found {
		return &Error{Kind: Denied, Entity: "scim source", Msg: "the source no longer exists"}
	}
	w.scope = &sourceScope{label: w.by.Label()}
	if err := json.Unmarshal(s.Config, &w.scope.config); err != nil {
		return fmt.Errorf("read the configuration of SCIM source %s: %w", s.Name, err)
	}
	w.scope.config = w.scope.config.WithDefaults()
	return nil
}

// inScope fails with Denied when the actor is a source that neither created u
// nor was given it (by an external id of its own).
func (w *Writer) inScope(u User) error {
	if w.scope == nil || u.Source == w.scope.label {
		return nil
	}
	return w.given("user", int64(u.ID), u.Username)
}

// ownsGroup is inScope for changing or deleting a group itself.
func (w *Writer) ownsGroup(g Group) error {
	if w.scope == nil || g.Source == w.scope.label {
		return nil
	}
	return w.given("group", int64(g.ID), g.Name)
}

func (w *Writer) given(kind string, ref int64, shown string) error {
	_, found, err := one(w.tx.ExternalIDs.Find(ExternalIDQuery{Source: w.scope.label, Kind: kind, Refs: []int64{ref}}))
	if err != nil {
		return err
	}
	if !found {
		return &Error{Kind: Denied, Entity: kind, Msg: shown + " belongs to somebody else; this source may not change it"}
	}
	return nil
}

// mayFill fails with Denied when the actor is a source that may not change who
// is in g: it must own g, or g must be listed in its writable_groups.
func (w *Writer) mayFill(g Group) error {
	if w.scope == nil {
		return nil
	}
	for _, n := range w.scope.config.WritableGroups {
		if key, err := name.Group(n); err == nil && key == g.NameKey {
			return nil
		}
	}
	return w.ownsGroup(g)
}

// writable fails with Denied when the actor is a source whose writable scope
// does not name the attribute.
func (w *Writer) writable(attribute string) error {
	if w.scope == nil || w.scope.config.MayWrite(attribute) {
		return nil
	}
	return &Error{
		Kind: Denied, Entity: "user", Field: attribute,
		Msg: "this source may not set " + attribute + "; an administrator can list it under writable",
	}
}

// SetExternalID records how the actor's source calls a user or group; an empty
// external id removes it. Exists: the source calls another thing so.
func (w *Writer) SetExternalID(kind string, ref int64, external string) error {
	if err := w.require(VerbWriteMembers, 0); err != nil {
		return err
	}
	if w.scope == nil {
		return invalid(kind, "externalId", "only a SCIM source has external ids")
	}
	if err := w.reaches(kind, ref); err != nil {
		return err
	}
	if len(external) > 512 {
		return invalid(kind, "externalId", "an external id has at most 512 characters")
	}
	own := ExternalIDQuery{Source: w.scope.label, Kind: kind, Refs: []int64{ref}}
	have, found, err := one(w.tx.ExternalIDs.Find(own))
	if err != nil || found && have.ExternalID == external {
		return err
	}
	if found {
		if _, err := w.tx.ExternalIDs.Delete(own); err != nil {
			return err
		}
	}
	if external == "" {
		return nil
	}
	row := ExternalID{Source: w.scope.label, ExternalID: external, Kind: kind, Ref: ref}
	other, taken, err := one(w.tx.ExternalIDs.Find(ExternalIDQuery{Source: row.Source, Kind: kind, ExternalIDs: []string{external}}))
	if err != nil {
		return err
	}
	if taken {
		return w.externalIDTaken(other)
	}
	return w.tx.ExternalIDs.Insert(row)
}

// reaches fails with Denied when the user or group is not the source's to name:
// an external id is what gives it a thing of somebody else.
func (w *Writer) reaches(kind string, ref int64) error {
	if kind == "user" {
		u, err := w.User(UserID(ref))
		if err != nil {
			return err
		}
		return w.inScope(u)
	}
	g, err := w.Group(GroupID(ref))
	if err != nil {
		return err
	}
	return w.ownsGroup(g)
}

func (w *Writer) externalIDTaken(e ExternalID) error {
	out := &Error{Kind: Exists, Entity: e.Kind, Field: "externalId"}
	if e.Kind == "user" {
		u, err := w.User(UserID(e.Ref))
		if err != nil {
			return err
		}
		out.Ref = u.UID
	} else {
		g, err := w.Group(GroupID(e.Ref))
		if err != nil {
			return err
		}
		out.Ref = g.UID
	}
	out.Msg = fmt.Sprintf("externalId %q is already that of %s %s", e.ExternalID, e.Kind, out.Ref)
	return out
}
