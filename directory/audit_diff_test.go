package directory_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// TestChangesAreAudited changes one thing of each kind twice, each time with a
// secret that is a marker, and looks into the audit: the values before and after
// are there, the secrets are not.
func TestChangesAreAudited(t *testing.T) {
	f := open(t)
	secret := func(n int) directory.Secret {
		return directory.Secret(fmt.Sprintf("canary-%d-of-thirty-two-characters-at-least", n))
	}
	for n := 1; n <= 2; n++ {
		hash, err := f.HashPassword(t.Context(), secret(n))
		if err != nil {
			t.Fatal(err)
		}
		f.write(func(w *directory.Writer) error {
			u, err := w.UserByName(directory.Person, "alice")
			if directory.Is(err, directory.NotFound) {
				u, err = w.CreateUser(directory.User{Username: "alice"})
			}
			if err != nil {
				return err
			}
			if err := w.SetPassword(u.ID, hash); err != nil {
				return err
			}
			title := func(u *directory.User) error { u.Profile["title"] = []string{fmt.Sprint("title-", n)}; return nil }
			if _, err := w.UpdateUser(u.ID, title); err != nil {
				return err
			}
			a, err := w.AppBySlug("wiki")
			if directory.Is(err, directory.NotFound) {
				a, err = w.CreateApp(directory.App{Slug: "wiki", Name: "Wiki"})
			}
			if err != nil {
				return err
			}
			if _, err := w.UpdateApp(a.ID, func(a *directory.App) error { a.Name = fmt.Sprint("app-", n); return nil }); err != nil {
				return err
			}
			facet := directory.NewFacet{App: a.ID, Protocol: directory.ProtocolOIDC, Secret: secret(n), Config: &schema.OIDC{
				ClientID: "wiki", RedirectURIs: []string{fmt.Sprintf("https://wiki.example/%d", n)},
			}}
			if err := w.SetFacet(facet); err != nil {
				return err
			}
			if err := w.SetBindings(a.ID, []directory.Binding{{Kind: directory.BindUser, Ref: int64(u.ID), RefName: "alice", Negate: n == 2}}, false); err != nil {
				return err
			}
			if _, err := w.SavePolicy(directory.Policy{Name: "net", Rule: fmt.Sprintf(`request.ip.in("10.%d.0.0/16")`, n)}); err != nil {
				return err
			}
			client := directory.NewRADIUSClient{Name: "ap", Networks: []string{fmt.Sprintf("192.0.2.%d/32", n)}, Secret: secret(n)}
			if _, err := w.SaveRADIUSClient(client); err != nil {
				return err
			}
			_, err = w.SaveSCIMSource(directory.NewSCIMSource{Name: "hr", Token: secret(n)})
			return err
		})
	}
	f.write(func(w *directory.Writer) error { return belong(w) })
	var details bytes.Buffer
	err := f.store.View(t.Context(), func(tx *directory.Tx) error {
		for e, err := range tx.Events.Find(directory.EventQuery{}) {
			if err != nil {
				return err
			}
			fmt.Fprintf(&details, "%+v %s\n", e, e.Detail)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(details.String(), "canary") {
		t.Errorf("a secret is in the audit: %s", details.String())
	}
	for _, want := range []string{
		`"title":{"before":["title-1"],"after":["title-2"]}`, `"name":{"before":"app-1","after":"app-2"}`,
		`{"before":["https://wiki.example/1"],"after":["https://wiki.example/2"]}`, `"secret":{"before":"[redacted]","after":"[redacted]"}`,
		`"bindings":{"before":["user alice"],"after":["not user alice"]}`, `"rule":{"before":"request.ip.in(\"10.1.0.0/16\")","after":"request.ip.in(\"10.2.0.0/16\")"}`,
		`"members":{"before":[],"after":["alice"]}`, `"members":{"before":["alice"],"after":["alice until 2031-02-03T04:05:06Z"]}`,
		`"members":{"before":["alice until 2031-02-03T04:05:06Z"],"after":[]}`,
		`"groups":{"before":[],"after":["nurses"]}`, `"groups":{"before":["nurses"],"after":["nurses from 2031-02-03T04:05:06Z"]}`,
		`"groups":{"before":["nurses from 2031-02-03T04:05:06Z"],"after":[]}`,
		`"grants":{"before":[],"after":["role:helpdesk until 2031-02-03T04:05:06Z"]}`, `"grants":{"before":["role:helpdesk until 2031-02-03T04:05:06Z"],"after":[]}`,
		`"state":{"before":"","after":"next"}`, `"state":{"before":"next","after":"active"}`,
		`"networks":{"before":["192.0.2.1/32"],"after":["192.0.2.2/32"]}`, `"token":{"before":"[redacted]","after":"[redacted]"}`,
	} {
		if !strings.Contains(details.String(), want) {
			t.Errorf("the audit does not hold %s", want)
		}
	}
}

// belong gives alice a group, a group a group, alice a role and the directory a
// key, changes each, and takes away what can be taken away.
func belong(w *directory.Writer) error {
	when := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	alice, err := w.UserByName(directory.Person, "alice")
	if err != nil {
		return err
	}
	staff, err := w.CreateGroup(directory.Group{Name: "staff"})
	if err != nil {
		return err
	}
	nurses, err := w.CreateGroup(directory.Group{Name: "nurses"})
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return w.AddMembers(staff.ID, directory.Membership{User: alice.ID}) },
		func() error { return w.AddMembers(staff.ID, directory.Membership{User: alice.ID, Ends: when}) },
		func() error { _, err := w.RemoveMembers(staff.ID, alice.ID); return err },
		func() error { return w.AddNesting(directory.Nesting{Parent: staff.ID, Child: nurses.ID}) },
		func() error { return w.AddNesting(directory.Nesting{Parent: staff.ID, Child: nurses.ID, Starts: when}) },
		func() error { return w.RemoveNesting(staff.ID, nurses.ID) },
		func() error { return w.Grant(alice.ID, directory.RoleHelpdesk, when) },
		func() error { return w.Revoke(alice.ID, directory.RoleHelpdesk) },
		func() error {
			return w.AddSigningKey(directory.NewSigningKey{KID: "k1", Use: "oidc", State: directory.KeyNext, Private: []byte("canary")})
		},
		func() error { return w.SetKeyState("k1", directory.KeyActive) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
