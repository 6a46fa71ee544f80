package directory_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
)

// TestEveryWriteChecksRights calls every method that Writer adds to Reader with
// an actor without rights. A method that forgets to ask fails here.
func TestEveryWriteChecksRights(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	stranger := directory.Actor{Kind: directory.ActorPerson, Name: "stranger", User: f.user("stranger", "pw pw pw").ID}
	reads := reflect.TypeFor[*directory.Reader]()
	writer := reflect.TypeFor[*directory.Writer]()
	for i := range writer.NumMethod() {
		m := writer.Method(i)
		if _, isRead := reads.MethodByName(m.Name); isRead {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			err := f.tryWrite(stranger, func(w *directory.Writer) error {
				args := []reflect.Value{reflect.ValueOf(w)}
				for p := 1; p < m.Type.NumIn(); p++ {
					in := m.Type.In(p)
					switch {
					case m.Type.IsVariadic() && p == m.Type.NumIn()-1:
						continue
					case in == reflect.TypeFor[directory.UserID]():
						args = append(args, reflect.ValueOf(alice.ID))
					default:
						args = append(args, reflect.Zero(in))
					}
				}
				out := m.Func.Call(args)
				err, _ := out[len(out)-1].Interface().(error)
				return err
			})
			if !directory.Is(err, directory.Denied) {
				t.Errorf("a stranger gets %v, want denied", err)
			}
		})
	}
}

func TestReadsNeedARight(t *testing.T) {
	f := open(t)
	for _, by := range []directory.Actor{
		{},
		{Kind: directory.ActorPerson, Name: "alice"},
		{Kind: directory.ActorService, Name: "reader", Rights: []directory.Right{directory.ReadApp("wiki")}},
	} {
		err := f.Read(t.Context(), by, func(*directory.Reader) error { return nil })
		if !directory.Is(err, directory.Denied) {
			t.Errorf("%s %s reads people: %v", by.Kind, by.Name, err)
		}
		if _, err := f.Why(t.Context(), by, directory.Question{Name: "alice"}); !directory.Is(err, directory.Denied) {
			t.Errorf("%s %s asks why: %v", by.Kind, by.Name, err)
		}
	}
}

// service creates a service account that holds grants.
func (f *fixture) service(name string, rights ...directory.Right) (u directory.User) {
	f.t.Helper()
	f.write(func(w *directory.Writer) (err error) {
		if u, err = w.CreateUser(directory.User{Kind: directory.ServiceAccount, Username: name}); err != nil {
			return err
		}
		for _, r := range rights {
			if err := w.Grant(u.ID, r, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
	return u
}

// TestRolesAndTargets: who may do what to whom.
func TestRolesAndTargets(t *testing.T) {
	f := open(t)
	owner, admin, helpdesk, plain := f.user("owner", "pw pw pw"), f.user("admin", "pw pw pw"), f.user("helpdesk", "pw pw pw"), f.user("plain", "pw pw pw")
	f.write(func(w *directory.Writer) error {
		for id, r := range map[directory.UserID]directory.Right{owner.ID: directory.RoleOwner, admin.ID: directory.RoleAdmin, helpdesk.ID: directory.RoleHelpdesk} {
			if err := w.Grant(id, r, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
	hash, err := f.HashPassword(t.Context(), "another one")
	if err != nil {
		t.Fatal(err)
	}
	person := func(u directory.User, rights ...directory.Right) directory.Actor {
		return directory.Actor{Kind: directory.ActorPerson, User: u.ID, Name: u.Username, Rights: rights}
	}
	svc := f.service("svc", directory.WritePassword, directory.ReadDirectory)
	service := func(rights ...directory.Right) directory.Actor {
		return directory.Actor{Kind: directory.ActorService, User: svc.ID, Name: "svc", Rights: rights}
	}
	password := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error { return w.SetPassword(to.ID, hash) }
	}
	disable := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error { _, err := w.DisableUser(to.ID, "test"); return err }
	}
	rename := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error {
			_, err := w.UpdateUser(to.ID, func(u *directory.User) error { u.Profile.Set("title", "Boss "+u.Username); return nil })
			return err
		}
	}
	grant := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error { return w.Grant(to.ID, directory.RoleAdmin, time.Time{}) }
	}
	totp := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error { _, _, err := w.AddTOTP(to.ID, ""); return err }
	}
	recovery := func(to directory.User) func(*directory.Writer) error {
		return func(w *directory.Writer) error { _, err := w.AddRecoveryCodes(to.ID); return err }
	}
	var factor directory.Credential
	f.write(func(w *directory.Writer) (err error) { _, factor, err = w.AddTOTP(plain.ID, ""); return err })
	removeFactor := func(w *directory.Writer) error { return w.RemoveCredential(plain.ID, factor.ID) }
	for _, tt := range []struct {
		name string
		by   directory.Actor
		do   func(*directory.Writer) error
		ok   bool
	}{
		{"an admin disables an owner", person(admin, directory.RoleAdmin), disable(owner), false},
		{"an admin sets an owner's password", person(admin, directory.RoleAdmin), password(owner), false},
		{"an admin sets another's password", person(admin, directory.RoleAdmin), password(plain), true},
		{"an admin hands out roles", person(admin, directory.RoleAdmin), grant(plain), false},
		{"an owner hands out roles", person(owner, directory.RoleOwner), grant(helpdesk), true},
		{"helpdesk sets a password", person(helpdesk, directory.RoleHelpdesk), password(plain), true},
		{"helpdesk sets an admin's password", person(helpdesk, directory.RoleHelpdesk), password(admin), false},
		{"helpdesk disables", person(helpdesk, directory.RoleHelpdesk), disable(plain), false},
		{"oneself sets a title", person(plain), rename(plain), false},
		{"oneself sets the password", person(plain), password(plain), true},
		{"somebody else's password", person(plain), password(admin), false},
		{"a service with write:password", service(directory.WritePassword), password(plain), true},
		{"a service with write:password on an owner", service(directory.WritePassword), password(owner), false},
		{"a service with write:password disables", service(directory.WritePassword), disable(plain), false},
		{"helpdesk adds a factor", person(helpdesk, directory.RoleHelpdesk), totp(plain), true},
		{"helpdesk adds a factor to an admin", person(helpdesk, directory.RoleHelpdesk), totp(admin), false},
		{"helpdesk makes recovery codes", person(helpdesk, directory.RoleHelpdesk), recovery(plain), true},
		{"an admin makes recovery codes of an owner", person(admin, directory.RoleAdmin), recovery(owner), false},
		{"an auditor adds a factor", person(helpdesk, directory.RoleAuditor), totp(plain), false},
		{"a service with write:password adds a factor", service(directory.WritePassword), totp(plain), false},
		{"a service with write:password removes a factor", service(directory.WritePassword), removeFactor, false},
		{"helpdesk removes a factor", person(helpdesk, directory.RoleHelpdesk), removeFactor, true},
		{"oneself removes a factor", person(plain), removeFactor, false},
		{"a reader writes", service(directory.ReadDirectory), rename(plain), false},
	} {
		err := f.tryWrite(tt.by, func(w *directory.Writer) error {
			if err := tt.do(w); err != nil {
				return err
			}
			return errKeepNothing
		})
		if ok := err == errKeepNothing; ok != tt.ok { //nolint:errorlint // the store returns what the function returned
			t.Errorf("%s: %v, want allowed %v", tt.name, err, tt.ok)
		}
	}
}

type keepNothing struct{}

func (keepNothing) Error() string { return "keep nothing" }

var errKeepNothing error = keepNothing{}

// TestSourceScope: a SCIM source reaches what it made and what it was told of.
func TestSourceScope(t *testing.T) {
	f := open(t)
	alice, admin := f.user("alice", "pw pw pw"), f.user("admin", "pw pw pw")
	local, open := f.group("local"), f.group("open")
	var hr directory.SCIMSource
	f.write(func(w *directory.Writer) (err error) {
		hr, err = w.SaveSCIMSource(directory.NewSCIMSource{
			Name: "hr", Token: directory.Secret(strings.Repeat("t", 32)),
			Config: schema.SCIMSource{WritableGroups: []string{"Open"}},
		})
		if err != nil {
			return err
		}
		return w.Grant(admin.ID, directory.RoleAdmin, time.Time{})
	})
	by := directory.Actor{Kind: directory.ActorSource, Source: hr.ID, Name: "hr", Via: "scim"}
	var jane directory.User
	if err := f.tryWrite(by, func(w *directory.Writer) (err error) {
		jane, err = w.CreateUser(directory.User{Username: "jane", Emails: []directory.Email{{Address: "jane@example.com", Primary: true, Verified: true}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if jane.Source != "scim:hr" || jane.Emails[0].Verified {
		t.Errorf("jane is from %q, address verified %v; want scim:hr and unverified", jane.Source, jane.Emails[0].Verified)
	}
	hash, err := f.HashPassword(t.Context(), "pw pw pw")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		do   func(*directory.Writer) error
		ok   bool
	}{
		{"disable its own", func(w *directory.Writer) error { _, err := w.DisableUser(jane.ID, ""); return err }, true},
		{"disable another's", func(w *directory.Writer) error { _, err := w.DisableUser(alice.ID, ""); return err }, false},
		{"disable an admin", func(w *directory.Writer) error { _, err := w.DisableUser(admin.ID, ""); return err }, false},
		{"delete another's", func(w *directory.Writer) error { return w.DeleteUser(alice.ID) }, false},
		{"set a password", func(w *directory.Writer) error { return w.SetPassword(jane.ID, hash) }, false},
		{"set an ssh key", func(w *directory.Writer) error {
			_, err := w.UpdateUser(jane.ID, func(u *directory.User) error { u.Profile.Set("sshPublicKey", "ssh-ed25519 AAAA"); return nil })
			return err
		}, false},
		{"create with an ssh key", func(w *directory.Writer) error {
			_, err := w.CreateUser(directory.User{Username: "eve", Profile: directory.Attributes{"sshPublicKey": {"ssh-ed25519 AAAA"}}})
			return err
		}, false},
		{"set a title", func(w *directory.Writer) error {
			_, err := w.UpdateUser(jane.ID, func(u *directory.User) error { u.Profile.Set("title", "x"); return nil })
			return err
		}, true},
		{"fill a listed group", func(w *directory.Writer) error { return w.AddMembers(open.ID, directory.Membership{User: jane.ID}) }, true},
		{"rename a listed group", func(w *directory.Writer) error {
			_, err := w.UpdateGroup(open.ID, func(g *directory.Group) error { g.Name = "mine"; return nil })
			return err
		}, false},
		{"fill another's group", func(w *directory.Writer) error { return w.AddMembers(local.ID, directory.Membership{User: jane.ID}) }, false},
		{"delete another's group", func(w *directory.Writer) error { return w.DeleteGroup(local.ID, true) }, false},
		{"name another's user its own", func(w *directory.Writer) error { return w.SetExternalID("user", int64(alice.ID), "mine") }, false},
		{"name another's group its own", func(w *directory.Writer) error { return w.SetExternalID("group", int64(local.ID), "mine") }, false},
		{"name its own user", func(w *directory.Writer) error { return w.SetExternalID("user", int64(jane.ID), "4711") }, true},
		{"hand out a role", func(w *directory.Writer) error { return w.Grant(jane.ID, directory.RoleOwner, time.Time{}) }, false},
		{"change an app", func(w *directory.Writer) error { _, err := w.CreateApp(directory.App{Slug: "x"}); return err }, false},
		{"create a service account", func(w *directory.Writer) error {
			_, err := w.CreateUser(directory.User{Kind: directory.ServiceAccount, Username: "svc"})
			return err
		}, false},
	} {
		err := f.tryWrite(by, tt.do)
		if ok := err == nil; ok != tt.ok || !ok && !directory.Is(err, directory.Denied) {
			t.Errorf("%s: %v, want allowed %v", tt.name, err, tt.ok)
		}
	}
}

func TestSourceRemovesOnlyItsOwnRows(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "pw pw pw")
	g := f.group("staff", alice.ID) // a local row
	var hr directory.SCIMSource
	f.write(func(w *directory.Writer) (err error) {
		hr, err = w.SaveSCIMSource(directory.NewSCIMSource{
			Name: "hr", Token: directory.Secret(strings.Repeat("t", 32)),
			Config: schema.SCIMSource{WritableGroups: []string{"staff"}},
		})
		return err
	})
	by := directory.Actor{Kind: directory.ActorSource, Source: hr.ID, Name: "hr"}
	if err := f.tryWrite(by, func(w *directory.Writer) error {
		if err := w.AddMembers(g.ID, directory.Membership{User: alice.ID}); err != nil {
			return err
		}
		still, err := w.RemoveMembers(g.ID, alice.ID)
		if len(still) != 1 || still[0].Source != "local" {
			t.Errorf("still %+v, want alice by the local row", still)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if d := f.attempt("alice", "pw pw pw"); !slices.ContainsFunc(d.Groups, func(x directory.Group) bool { return x.ID == g.ID }) {
		t.Error("alice is no longer in staff")
	}
}

func TestNamesAreNobodyElses(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "pw pw pw")
	rename := func(to string) {
		f.write(func(w *directory.Writer) error {
			_, err := w.UpdateUser(alice.ID, func(u *directory.User) error { u.Username = to; return nil })
			return err
		})
	}
	create := func(u directory.User) error {
		return f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error { _, err := w.CreateUser(u); return err })
	}
	rename("alicia")
	for _, tt := range []struct {
		name string
		u    directory.User
	}{
		{"her name", directory.User{Username: "Alicia"}},
		{"her former name", directory.User{Username: "alice"}},
		{"her address", directory.User{Username: "bob", Emails: []directory.Email{{Address: "ALICE@example.com"}}}},
		{"her address as a username", directory.User{Username: "alice@example.com"}},
		{"a service account of her name", directory.User{Kind: directory.ServiceAccount, Username: "alicia"}},
	} {
		if err := create(tt.u); !directory.Is(err, directory.Exists) {
			t.Errorf("%s: %v, want exists", tt.name, err)
		}
	}
	f.want(f.attempt("alice", "pw pw pw"), directory.ReasonUnknownUser) // held, and opens nothing
	rename("alice")                                                     // she may have it back
	f.want(f.attempt("alice", "pw pw pw"), directory.ReasonOK)
	f.write(func(w *directory.Writer) error { return w.DeleteUser(alice.ID) })
	f.want(f.attempt("alice", "pw pw pw"), directory.ReasonUnknownUser)
	again := f.user("alice", "new new new") // free at once after a delete
	if again.UID == alice.UID || again.UIDNumber == alice.UIDNumber {
		t.Error("a uid or a Unix number was given again")
	}
	f.want(f.attempt("alice", "pw pw pw"), directory.ReasonWrongPassword)
}
