package directory

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"slices"

	"gatehouse/directory/name"
	"gatehouse/directory/schema"
	"gatehouse/directory/seal"
)

func (a *App) touched() touched { return touched{entity: "app", ref: int64(a.ID), name: a.Slug} }

// CreateApp adds an app. Of a are used Slug, Name, LaunchURL, PolicyMode,
// Require and, for init only, Builtin. Exists: the slug is taken.
func (w *Writer) CreateApp(a App) (App, error) {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return App{}, err
	}
	id, uid, err := w.newRow()
	if err != nil {
		return App{}, err
	}
	a.ID, a.UID, a.Source, a.Rev, a.Created, a.Updated = AppID(id), uid, w.by.Label(), 1, w.now, w.now
	if err := prepareApp(&a); err != nil {
		return App{}, err
	}
	if _, taken, err := one(w.tx.Apps.Find(AppQuery{Slugs: []string{a.Slug}})); err != nil || taken {
		if taken {
			err = &Error{Kind: Exists, Entity: "app", Field: "slug", Msg: "there is already an app " + a.Slug}
		}
		return App{}, err
	}
	if err := w.tx.Apps.Insert(a); err != nil {
		return App{}, err
	}
	if err := w.changed(AppChanged, id, a.Rev); err != nil {
		return App{}, err
	}
	return a, w.audit(VerbWriteConfig, a.touched(), nil)
}

func prepareApp(a *App) error {
	if err := name.Slug(a.Slug); err != nil {
		return nameError("app", "slug", err)
	}
	if a.Name == "" {
		a.Name = a.Slug
	}
	if a.PolicyMode == "" {
		a.PolicyMode = AllPolicies
	}
	if a.PolicyMode != AllPolicies && a.PolicyMode != AnyPolicy {
		return invalid("app", "policy_mode", "%q is neither all nor any", string(a.PolicyMode))
	}
	for _, f := range a.Require {
		if f != FactorTOTP && f != FactorPasskey && f != FactorCertificate {
			return invalid("app", "require", "%q is not a factor that an app can require: totp, passkey or certificate", string(f))
		}
	}
	return nil
}

// UpdateApp changes Name, LaunchURL, PolicyMode or Require of an app. When
// nothing differs nothing is written.
func (w *Writer) UpdateApp(id AppID, change func(*App) error) (App, error) {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return App{}, err
	}
	before, err := w.app(id)
	if err != nil {
		return App{}, err
	}
	edited := before
	edited.Require = slices.Clone(before.Require)
	if err := change(&edited); err != nil {
		return App{}, err
	}
	a := before
	a.Name, a.LaunchURL, a.PolicyMode, a.Require = edited.Name, edited.LaunchURL, edited.PolicyMode, edited.Require
	if err := prepareApp(&a); err != nil {
		return App{}, err
	}
	if a.Name == before.Name && a.LaunchURL == before.LaunchURL && a.PolicyMode == before.PolicyMode && slices.Equal(a.Require, before.Require) {
		return before, nil
	}
	changed := diffs{}
	changed.value("name", before.Name, a.Name)
	changed.value("launch_url", before.LaunchURL, a.LaunchURL)
	changed.value("policy_mode", before.PolicyMode, a.PolicyMode)
	changed.value("require", before.Require, a.Require)
	return a, w.saveApp(&a, changed)
}

func (w *Writer) app(id AppID) (App, error) {
	a, found, err := one(w.tx.Apps.Find(AppQuery{IDs: []AppID{id}}))
	if err == nil && !found {
		err = notFound("app", "id")
	}
	return a, err
}

// saveApp writes the row with the next Rev, its change and its audit event.
func (w *Writer) saveApp(a *App, detail any) error {
	a.Rev++
	a.Updated = w.now
	if err := w.tx.Apps.Update(*a); err != nil {
		return err
	}
	if err := w.changed(AppChanged, int64(a.ID), a.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, a.touched(), detail)
}

// DeleteApp deletes an app with its facets and bindings. Its tokens open
// nothing any more.
func (w *Writer) DeleteApp(id AppID) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	a, err := w.app(id)
	if err != nil {
		return err
	}
	if a.Builtin {
		return &Error{Kind: Denied, Entity: "app", Msg: a.Slug + " is built in and cannot be deleted"}
	}
	for _, del := range []func() (int, error){
		func() (int, error) { return w.tx.Facets.Delete(FacetQuery{Apps: []AppID{id}}) },
		func() (int, error) { return w.tx.Bindings.Delete(BindingQuery{Apps: []AppID{id}}) },
		func() (int, error) { return w.tx.Tokens.Delete(TokenQuery{App: id}) },
		func() (int, error) { return w.tx.Apps.Delete(AppQuery{IDs: []AppID{id}}) },
	} {
		if _, err := del(); err != nil {
			return err
		}
	}
	if err := w.changed(AppDeleted, int64(id), a.Rev); err != nil {
		return err
	}
	return w.audit(VerbWriteConfig, a.touched(), map[string]any{"deleted": true})
}

// NewFacet is what SetFacet writes.
type NewFacet struct {
	App      AppID
	Protocol Protocol
	Config   schema.Facet // of the protocol
	Secret   Secret       // client secret; empty: keep what there is
}

// SetFacet creates or replaces the facet of a protocol of an app. When nothing
// differs nothing is written. Exists: the facet's key (client_id, entity id)
// belongs to another app.
func (w *Writer) SetFacet(n NewFacet) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	a, err := w.app(n.App)
	if err != nil {
		return err
	}
	if err := n.Config.Check(); err != nil {
		return &Error{Kind: Invalid, Entity: "app", Field: string(n.Protocol), Msg: a.Slug + ": " + err.Error()}
	}
	if err := w.d.mapped(a.Slug, n.Protocol, n.Config); err != nil {
		return err
	}
	config, err := json.Marshal(n.Config)
	if err != nil {
		return fmt.Errorf("encode a facet: %w", err)
	}
	old, found, err := one(w.tx.Facets.Find(FacetQuery{Apps: []AppID{n.App}, Protocol: n.Protocol}))
	if err != nil {
		return err
	}
	f := old
	f.App, f.Protocol, f.Config, f.Key = n.App, n.Protocol, config, n.Config.Key()
	if !found {
		id, _, err := w.newRow()
		if err != nil {
			return err
		}
		f.ID = FacetID(id)
	}
	if err := w.facetKeyFree(f); err != nil {
		return err
	}
	secretDiffers, err := w.sealFacetSecret(&f, n.Secret)
	if err != nil {
		return err
	}
	if found && f.Key == old.Key && string(f.Config) == string(old.Config) && !secretDiffers {
		return nil
	}
	f.Rev++
	if found {
		err = w.tx.Facets.Update(f)
	} else {
		err = w.tx.Facets.Insert(f)
	}
	if err != nil {
		return err
	}
	changed := diffs{}
	changed.config(old.Config, f.Config)
	changed.secret("secret", secretDiffers)
	return w.saveApp(&a, map[string]any{"facet": n.Protocol, "changed": changed})
}

func (w *Writer) facetKeyFree(f Facet) error {
	if f.Key == "" {
		return nil
	}
	other, taken, err := one(w.tx.Facets.Find(FacetQuery{Protocol: f.Protocol, Key: f.Key}))
	if err != nil || !taken || other.ID == f.ID {
		return err
	}
	return &Error{Kind: Exists, Entity: "app", Field: string(f.Protocol), Msg: f.Key + " is already used by another app"}
}

// sealFacetSecret puts a new secret into f and reports whether it differs from
// the one there.
func (w *Writer) sealFacetSecret(f *Facet, s Secret) (bool, error) {
	if s == "" {
		return false, nil
	}
	if old, err := w.d.facetSecret(*f); err == nil && old == s {
		return false, nil
	}
	sealed, err := w.d.keys.seal(seal.Clients, f.place(), []byte(s.Reveal()))
	if err != nil {
		return false, err
	}
	f.Secret = sealed
	return true, nil
}

func (f *Facet) place() seal.Place {
	return seal.Place{Table: "facets", Column: "secret", Row: rowName(int64(f.ID))}
}

// VerifyFacetSecret reports whether presented is the secret of a facet, in a time
// that depends on neither. A facet without a secret has none to match.
func (d *Directory) VerifyFacetSecret(f Facet, presented Secret) (bool, error) {
	secret, err := d.facetSecret(f)
	if err != nil || secret == "" {
		return false, err
	}
	a, b := sha256.Sum256([]byte(presented)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1, nil
}

func (d *Directory) facetSecret(f Facet) (Secret, error) {
	if len(f.Secret) == 0 {
		return "", nil
	}
	b, err := d.keys.open(seal.Clients, f.place(), f.Secret)
	if err != nil {
		return "", fmt.Errorf("open the secret of facet %d: %w", f.ID, err)
	}
	return Secret(b), nil
}

// RemoveFacet takes a protocol from an app. Not having it is no error.
func (w *Writer) RemoveFacet(id AppID, p Protocol) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	a, err := w.app(id)
	if err != nil {
		return err
	}
	n, err := w.tx.Facets.Delete(FacetQuery{Apps: []AppID{id}, Protocol: p})
	if err != nil || n == 0 {
		return err
	}
	return w.saveApp(&a, map[string]any{"facet_removed": p})
}

// SetBindings makes the bindings of an app exactly these, in this order. Of each
// are used Kind, Ref, RefName, Negate and Disabled. Removing the last binding
// opens the app to every user and needs open: else Denied.
func (w *Writer) SetBindings(id AppID, bindings []Binding, open bool) error {
	if err := w.require(VerbWriteConfig, 0); err != nil {
		return err
	}
	a, err := w.app(id)
	if err != nil {
		return err
	}
	old, err := all(w.tx.Bindings.Find(BindingQuery{Apps: []AppID{id}}))
	if err != nil {
		return err
	}
	same := func(x, y Binding) bool {
		return x.Kind == y.Kind && x.Ref == y.Ref && x.Negate == y.Negate && x.Disabled == y.Disabled && (x.Ref != 0 || x.RefName == y.RefName)
	}
	if slices.EqualFunc(old, bindings, same) {
		return nil
	}
	if len(bindings) == 0 && !open {
		return &Error{
			Kind: Denied, Entity: "app", Field: "bindings",
			Msg: "without a binding " + a.Slug + " is open to every user; use --open if that is meant",
		}
	}
	if _, err := w.tx.Bindings.Delete(BindingQuery{Apps: []AppID{id}}); err != nil {
		return err
	}
	rows := slices.Clone(bindings)
	for i := range rows {
		rowID, _, err := w.newRow()
		if err != nil {
			return err
		}
		rows[i].ID, rows[i].App, rows[i].Order = BindingID(rowID), id, i
	}
	if err := w.tx.Bindings.Insert(rows...); err != nil {
		return err
	}
	return w.saveApp(&a, diffs{"bindings": {bindingLabels(old), bindingLabels(rows)}})
}
