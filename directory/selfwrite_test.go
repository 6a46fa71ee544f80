package directory_test

import (
	"strings"
	"testing"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

// TestSelfWrite: people change the closed list of their own attributes, what the configuration adds, and nothing that
// something decides by.
func TestSelfWrite(t *testing.T) {
	f := &fixture{t: t, store: directorytest.OpenSQLite(t)}
	f.Directory = directorytest.Core(t, f.store, func(c *directory.Config) { c.SelfWritable = []string{"sshPublicKey"} })
	alice, bob := f.user("alice", "pw pw pw"), f.user("bob", "pw pw pw")
	self := directory.Actor{Kind: directory.ActorPerson, User: alice.ID, Name: "alice"}
	set := func(by directory.Actor, to directory.User, key string) error {
		return f.tryWrite(by, func(w *directory.Writer) error {
			_, err := w.UpdateUser(to.ID, func(u *directory.User) error {
				u.Profile.Set(key, key+" "+u.Profile.First(key))
				return nil
			})
			return err
		})
	}
	for _, key := range []string{"displayName", "preferredLanguage", "workPhone", "mobilePhone", "jpegPhoto", "sshPublicKey"} {
		if err := set(self, alice, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if err := set(self, bob, key); !directory.Is(err, directory.Denied) {
			t.Errorf("%s of somebody else: %v", key, err)
		}
	}
	for _, key := range []string{"title", "familyName", "employeeNumber", "loginShell", "roles", "anything"} {
		if err := set(self, alice, key); !directory.Is(err, directory.Denied) {
			t.Errorf("%s: %v", key, err)
		}
	}
	// A rule of an older version, which was saved while the attribute was not people's own.
	_, err := f.store.Update(t.Context(), func(tx *directory.Tx) error {
		for i, rule := range []string{
			`user.attributes["displayName"] == "Boss"`, `"1" in user.attributes.mobilePhone`, `"1" in user . values("pager")`, `user.in_group("fax")`,
		} {
			name := string(rune('a' + i))
			if err := tx.Policies.Insert(directory.Policy{ID: directory.PolicyID(i + 1), UID: name, Name: name, Rule: rule, Rev: 1}); err != nil {
				return err
			}
		}
		return tx.Feed.Append(directory.Change{Kind: directory.PolicyChanged, Ref: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error {
		app, err := w.CreateApp(directory.App{Slug: "wiki", Name: "Wiki"})
		if err != nil {
			return err
		}
		return w.SetFacet(directory.NewFacet{
			App: app.ID, Protocol: directory.ProtocolLDAP,
			Config: schema.LDAP{Attributes: map[string]string{"lang": "preferredLanguage"}},
		})
	})
	for _, key := range []string{"displayName", "mobilePhone", "pager", "preferredLanguage"} {
		if err := set(self, alice, key); !directory.Is(err, directory.Denied) {
			t.Errorf("%s, which something reads: %v", key, err)
		}
		if err := set(directorytest.Operator(), alice, key); err != nil {
			t.Errorf("%s by an operator: %v", key, err)
		}
	}
	if err := set(self, alice, "fax"); err != nil {
		t.Errorf("a group of the same name as an attribute: %v", err)
	}
}

// TestNothingDecidesByWhatPeopleWrite: a policy or a mapping that reads an attribute which people write is not saved,
// and what was saved before stops a daemon whose configuration lets them.
func TestNothingDecidesByWhatPeopleWrite(t *testing.T) {
	f := &fixture{t: t, store: directorytest.OpenSQLite(t)}
	f.Directory = directorytest.Core(t, f.store, func(c *directory.Config) { c.SelfWritable = []string{"sshPublicKey"} })
	policy := func(rule string) error {
		return f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
			_, err := w.SavePolicy(directory.Policy{Name: rule, Rule: rule})
			return err
		})
	}
	for rule, want := range map[string]bool{
		`user.attributes.displayName == "Boss"`: false, `"1" in user.attributes["mobilePhone"]`: false, `"x" in user.values("sshPublicKey")`: false,
		`[user].size() == 1`: false, `user.attributes.department == "Sales"`: true, `user.in_group("mobilePhone")`: true,
	} {
		if err := policy(rule); (err == nil) != want || err != nil && !directory.Is(err, directory.Invalid) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	mapping := func(ours string) error {
		return f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
			a, err := w.CreateApp(directory.App{Slug: "a-" + strings.ToLower(ours)})
			if err != nil {
				return err
			}
			return w.SetFacet(directory.NewFacet{App: a.ID, Protocol: directory.ProtocolLDAP, Config: schema.LDAP{Attributes: map[string]string{"theirs": ours}}})
		})
	}
	if err := mapping("sshPublicKey"); !directory.Is(err, directory.Invalid) {
		t.Errorf("a mapping of what the configuration lets people write: %v", err)
	}
	if err := mapping("displayName"); err != nil {
		t.Errorf("a mapping of what is then theirs no more: %v", err)
	}
	saml := func(slug, ours string) error {
		return f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
			a, err := w.CreateApp(directory.App{Slug: slug})
			if err != nil {
				return err
			}
			return w.SetFacet(directory.NewFacet{App: a.ID, Protocol: directory.ProtocolSAML, Config: schema.SAML{EntityID: "https://" + slug, Attributes: map[string]string{"theirs": ours}}})
		})
	}
	if err := saml("keys", "sshPublicKey"); !directory.Is(err, directory.Invalid) {
		t.Errorf("a mapping of a service provider: %v", err)
	}
	if err := saml("phones", "mobilePhone"); err != nil {
		t.Error(err)
	}
	alice := f.user("alice", "pw pw pw")
	err := f.tryWrite(directory.Actor{Kind: directory.ActorPerson, User: alice.ID}, func(w *directory.Writer) error {
		_, err := w.UpdateUser(alice.ID, func(u *directory.User) error { u.Profile.Set("mobilePhone", "1"); return nil })
		return err
	})
	if !directory.Is(err, directory.Denied) {
		t.Errorf("what a service provider reads, by oneself: %v", err)
	}
	for slug, want := range map[string]string{"a-displayname": "app a-displayname: its ldap attributes read displayName, so nobody", "phones": "app phones: its saml attributes read mobilePhone, so nobody"} {
		err := f.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
			a, err := r.AppBySlug(slug)
			if err != nil {
				return err
			}
			said, err := r.Warnings(a)
			if len(said) != 1 || !strings.HasPrefix(said[0], want) {
				t.Errorf("%s warns %q, want %q", slug, said, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	check := func(key string) error {
		return f.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error { return r.CheckSelfWritable([]string{key}) })
	}
	for key, want := range map[string]bool{"sshPublicKey": true, "department": false, "displayName": false, "mobilePhone": false} {
		if err := check(key); (err == nil) != want || err != nil && !directory.Is(err, directory.Invalid) {
			t.Errorf("a configuration that lets people write %s: %v", key, err)
		}
	}
}

func TestSSHKeysAreNotSelfWrittenByDefault(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "pw pw pw")
	err := f.tryWrite(directory.Actor{Kind: directory.ActorPerson, User: alice.ID}, func(w *directory.Writer) error {
		_, err := w.UpdateUser(alice.ID, func(u *directory.User) error { u.Profile.Set("sshPublicKey", "ssh-ed25519 AAAA"); return nil })
		return err
	})
	if !directory.Is(err, directory.Denied) {
		t.Errorf("got %v", err)
	}
}

// TestRenameNeedsItsRight: attributes are one right, names another.
func TestRenameNeedsItsRight(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "pw pw pw")
	svc := f.service("svc", directory.WriteAttributes, directory.WriteEntries)
	service := func(rights ...directory.Right) directory.Actor {
		return directory.Actor{Kind: directory.ActorService, User: svc.ID, Name: "svc", Rights: rights}
	}
	byUpdate := func(w *directory.Writer) error {
		_, err := w.UpdateUser(alice.ID, func(u *directory.User) error { u.Username = "alicia"; return nil })
		return err
	}
	byRename := func(w *directory.Writer) error { _, err := w.RenameUser(alice.ID, "alicia"); return err }
	for name, err := range map[string]error{
		"write:attributes, update": f.tryWrite(service(directory.WriteAttributes), byUpdate),
		"write:attributes, rename": f.tryWrite(service(directory.WriteAttributes), byRename),
		"write:entries, update":    f.tryWrite(service(directory.WriteEntries), byUpdate),
	} {
		if !directory.Is(err, directory.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.tryWrite(service(directory.WriteEntries), byRename); err != nil {
		t.Fatal(err)
	}
	err := f.Read(t.Context(), directorytest.Operator(), func(r *directory.Reader) error {
		u, err := r.UserByName(directory.Person, "alicia")
		if err == nil && u.UID != alice.UID {
			t.Errorf("the rename changed the uid")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestMustChange: the password opens nothing but a door that lets people change it, until they have.
func TestMustChange(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "pw pw pw")
	f.write(func(w *directory.Writer) error { return w.RequirePasswordChange(alice.ID) })
	mayChange := func(a *directory.Attempt) { a.MayChange = true }
	f.want(f.attempt("alice", "wrong", mayChange), directory.ReasonWrongPassword)
	f.want(f.attempt("alice", "pw pw pw"), directory.ReasonPasswordChangeRequired)
	d := f.attempt("alice", "pw pw pw", mayChange)
	if f.want(d, directory.ReasonOK); !d.MustChange {
		t.Error("the door is not told")
	}
	hash, err := f.HashPassword(t.Context(), "pw pw pw 2")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error { return w.SetPassword(alice.ID, hash) })
	if d = f.attempt("alice", "pw pw pw 2"); d.MustChange {
		t.Error("after the change it must still be changed")
	}
	f.want(d, directory.ReasonOK)
	bare := f.create(directory.User{Username: "bare"}, "pw pw pw")
	f.write(func(w *directory.Writer) error {
		for c, err := range w.Credentials(directory.CredentialQuery{Users: []directory.UserID{bare.ID}}) {
			if err != nil {
				return err
			}
			return w.RemoveCredential(bare.ID, c.ID)
		}
		return nil
	})
	if err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error { return w.RequirePasswordChange(bare.ID) }); !directory.Is(err, directory.NotFound) {
		t.Errorf("without a password: %v", err)
	}
}
