package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/directory"
)

// heldView is one credential of a person as the listing of its kind shows it.
type heldView struct {
	ID       string             `json:"id"`
	Kind     string             `json:"kind,omitempty"` // as --kind calls it, where there are several
	Label    string             `json:"label"`
	App      string             `json:"app,omitempty"`
	Protocol directory.Protocol `json:"protocol,omitempty"`
	Created  time.Time          `json:"created"`
	LastUsed time.Time          `json:"last_used,omitzero"`
	Expires  time.Time          `json:"expires,omitzero"`
}

// shownID is a credential's id as the secrets that we make carry it:
// gh_<id>_….
func shownID(id directory.CredentialID) string { return strconv.FormatInt(int64(id), 36) }

// held reads what a person has of some kinds.
func held(r *directory.Reader, name string, kinds []directory.CredentialKind) ([]heldView, error) {
	u, err := r.UserByName(directory.Person, name)
	if err != nil {
		return nil, err
	}
	apps := map[directory.AppID]string{}
	for a, err := range r.Apps(directory.AppQuery{}) {
		if err != nil {
			return nil, err
		}
		apps[a.ID] = a.Slug
	}
	q := directory.CredentialQuery{Users: []directory.UserID{u.ID}, Kinds: kinds}
	return collect(r.Credentials(q), func(c directory.Credential) (heldView, error) {
		v := heldView{
			ID: shownID(c.ID), Label: c.Label, App: apps[c.App], Protocol: c.Protocol,
			Created: c.Created, LastUsed: c.LastUsed, Expires: c.Expires,
		}
		if len(kinds) > 1 {
			v.Kind = strings.TrimSuffix(string(c.Kind), "_password")
		}
		if c.App != 0 && v.App == "" {
			v.App = "(deleted)"
		}
		return v, nil
	})
}

// heldList completes c, which lists what a person has of some kinds.
func (t *tool) heldList(c *cobra.Command, kinds []directory.CredentialKind, head string, row func(*heldView) []string) *cobra.Command {
	c.Args = arguments(1, 1)
	c.RunE = func(c *cobra.Command, args []string) error {
		var all []heldView
		err := t.read(c, func(r *directory.Reader) (err error) {
			all, err = held(r, args[0], kinds)
			return err
		})
		if err != nil {
			return err
		}
		return printListing(t, all, listing[heldView]{head: head, row: row})
	}
	return t.jsonFlag(c)
}

// heldRemove completes c, which removes one credential of a person by its id, and
// then says so by done, a format with the user and the id.
func (t *tool) heldRemove(c *cobra.Command, kinds []directory.CredentialKind, what, done string) *cobra.Command {
	c.Args = arguments(2, 2)
	c.RunE = func(c *cobra.Command, args []string) error {
		err := t.write(c, func(w *directory.Writer) error {
			u, err := w.UserByName(directory.Person, args[0])
			if err != nil {
				return err
			}
			q := directory.CredentialQuery{Users: []directory.UserID{u.ID}, Kinds: kinds}
			for have, err := range w.Credentials(q) {
				if err != nil {
					return err
				}
				if shownID(have.ID) == args[1] {
					return w.RemoveCredential(u.ID, have.ID)
				}
			}
			return missing(what+" of "+u.Username, args[1])
		})
		if err == nil {
			t.say(done, args[0], args[1])
		}
		return err
	}
	return c
}
