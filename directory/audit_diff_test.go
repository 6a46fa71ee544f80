package directory_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

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
		`"networks":{"before":["192.0.2.1/32"],"after":["192.0.2.2/32"]}`, `"token":{"before":"[redacted]","after":"[redacted]"}`,
	} {
		if !strings.Contains(details.String(), want) {
			t.Errorf("the audit does not hold %s", want)
		}
	}
}
