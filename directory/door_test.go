package directory_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

func from(p directory.Protocol) func(*directory.Attempt) {
	return func(a *directory.Attempt) { a.Protocol = p }
}

// TestRequiredFactorFailsClosed: an app that asks for a factor which was not
// proved lets nobody in, by password or by what was shown before.
func TestRequiredFactorFailsClosed(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.write(func(w *directory.Writer) error {
		_, err := w.CreateApp(directory.App{Slug: "bank", Require: []directory.Factor{directory.FactorTOTP}})
		return err
	})
	f.want(f.attempt("alice", "correct horse", at("bank")), directory.ReasonFactorRequired)
	for _, c := range []struct {
		name    string
		factors []directory.Factor
		want    directory.Reason
	}{
		{"password only", []directory.Factor{directory.FactorPassword}, directory.ReasonFactorRequired},
		{"both", []directory.Factor{directory.FactorPassword, directory.FactorTOTP}, directory.ReasonOK},
	} {
		d, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch, App: "bank", Factors: c.factors})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		f.want(d, c.want)
	}
}

// TestGeneratedSecretsOpenOnlyTheirDoor: an app password opens the app and the
// protocol it was made for, and never the web.
func TestGeneratedSecretsOpenOnlyTheirDoor(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	wiki := f.app("wiki")
	f.app("mail")
	made := func(n directory.NewGenerated) string {
		t.Helper()
		var s directory.Secret
		n.User = alice.ID
		f.write(func(w *directory.Writer) (err error) {
			s, _, err = w.AddGenerated(n)
			return err
		})
		return s.Reveal()
	}
	ofWiki := made(directory.NewGenerated{Kind: directory.CredentialAppPassword, App: wiki.ID})
	ofLDAP := made(directory.NewGenerated{Kind: directory.CredentialAppPassword, Protocol: directory.ProtocolLDAP})
	api := made(directory.NewGenerated{Kind: directory.CredentialAPIToken})
	for _, c := range []struct {
		name, secret, app string
		door              directory.Protocol
		want              directory.Reason
	}{
		{"its app", ofWiki, "wiki", directory.ProtocolLDAP, directory.ReasonOK},
		{"another app", ofWiki, "mail", directory.ProtocolLDAP, directory.ReasonCredentialScope},
		{"no app", ofWiki, "", directory.ProtocolLDAP, directory.ReasonCredentialScope},
		{"an app that is not there", ofWiki, "gone", directory.ProtocolLDAP, directory.ReasonCredentialScope},
		{"its app on the web", ofWiki, "wiki", directory.ProtocolWeb, directory.ReasonCredentialScope},
		{"its protocol", ofLDAP, "mail", directory.ProtocolLDAP, directory.ReasonOK},
		{"another protocol", ofLDAP, "mail", directory.ProtocolRADIUS, directory.ReasonCredentialScope},
		{"token at the API", api, "", directory.ProtocolAPI, directory.ReasonOK},
		{"token at LDAP", api, "", directory.ProtocolLDAP, directory.ReasonCredentialScope},
		{"token on the web", api, "", directory.ProtocolWeb, directory.ReasonCredentialScope},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := f.attempt("alice", c.secret, at(c.app), from(c.door))
			if d.Reason != c.want {
				t.Errorf("%s %s, want %s", d.Outcome, d.Reason, c.want)
			}
		})
	}
}

func TestWhatIsNotGenerated(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for _, n := range []directory.NewGenerated{
		{Kind: directory.CredentialPassword},
		{Kind: directory.CredentialTOTP},
		{Kind: directory.CredentialServicePassword},
		{Kind: directory.CredentialAppPassword}, // of no app and no protocol: it would open every door
	} {
		n.User = alice.ID
		err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
			_, _, err := w.AddGenerated(n)
			return err
		})
		if !directory.Is(err, directory.Invalid) {
			t.Errorf("%s: %v, want invalid", n.Kind, err)
		}
	}
}

// TestARoleDoesNotFreeOnesOwnRow: helpdesk and auditors are held to what people
// may change of themselves.
func TestARoleDoesNotFreeOnesOwnRow(t *testing.T) {
	f := open(t)
	for role, want := range map[directory.Right]bool{
		directory.RoleHelpdesk: false, directory.RoleAuditor: false, directory.RoleAdmin: true,
	} {
		name := strings.TrimPrefix(string(role), "role:")
		u := f.user(name, "correct horse")
		f.write(func(w *directory.Writer) error { return w.Grant(u.ID, role, time.Time{}) })
		by := directory.Actor{Kind: directory.ActorPerson, User: u.ID, Name: name, Rights: []directory.Right{role}}
		err := f.tryWrite(by, func(w *directory.Writer) error {
			_, err := w.UpdateUser(u.ID, func(u *directory.User) error {
				u.Username, u.Expires = "other-"+name, f.clock.Now().Add(time.Hour)
				return nil
			})
			return err
		})
		if (err == nil) != want || err != nil && !directory.Is(err, directory.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestALongNameIsCutInTheAudit: a stranger writes no more than a line.
func TestALongNameIsCutInTheAudit(t *testing.T) {
	f := open(t)
	f.attempt(strings.Repeat("ü", 30_000), "x")
	f.Close() // writes what is queued
	err := f.store.View(t.Context(), func(tx *directory.Tx) error {
		n := 0
		for e, err := range tx.Events.Find(directory.EventQuery{}) {
			if err != nil {
				return err
			}
			if n++; len(e.Name) > 400 {
				t.Errorf("an event holds a name of %d bytes", len(e.Name))
			}
		}
		if n == 0 {
			t.Error("no event")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestASourceMakesNoSecrets: a SCIM source adds and revokes credentials only of
// its own users, and only when it may write passwords.
func TestASourceMakesNoSecrets(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for name, writable := range map[string][]string{"hr": nil, "it": {"password"}} {
		var row directory.SCIMSource
		f.write(func(w *directory.Writer) (err error) {
			row, err = w.SaveSCIMSource(directory.NewSCIMSource{
				Name: name, Token: directory.Secret(strings.Repeat(name, 16)), Config: schema.SCIMSource{Writable: writable},
			})
			return err
		})
		by := directory.Actor{Kind: directory.ActorSource, Source: row.ID, Name: name}
		var own directory.User
		if err := f.tryWrite(by, func(w *directory.Writer) (err error) {
			own, err = w.CreateUser(directory.User{Username: "new-" + name})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			user directory.UserID
			ok   bool
		}{{alice.ID, false}, {own.ID, writable != nil}} {
			err := f.tryWrite(by, func(w *directory.Writer) error {
				_, _, err := w.AddGenerated(directory.NewGenerated{User: c.user, Kind: directory.CredentialAPIToken})
				return err
			})
			if (err == nil) != c.ok || err != nil && !directory.Is(err, directory.Denied) {
				t.Errorf("%s adds a secret: %v", name, err)
			}
			err = f.tryWrite(by, func(w *directory.Writer) error { return w.RemoveCredential(c.user, 1) })
			if want := directory.Denied; !c.ok && !directory.Is(err, want) {
				t.Errorf("%s revokes a credential: %v", name, err)
			}
		}
	}
}
