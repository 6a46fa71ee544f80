package directory_test

import (
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
)

func (f *fixture) undelete(by directory.Actor, id directory.UserID) (u directory.User, err error) {
	f.t.Helper()
	err = f.tryWrite(by, func(w *directory.Writer) error {
		u, err = w.UndeleteUser(id)
		return err
	})
	return u, err
}

// TestUndelete brings a user back as they were, but for what was open.
func TestUndelete(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	staff, gone := f.group("staff", alice.ID), f.group("gone", alice.ID)
	f.app("wiki", directory.Binding{Kind: directory.BindGroup, Ref: int64(staff.ID), RefName: "staff"})
	f.write(func(w *directory.Writer) error { return w.Grant(alice.ID, directory.RoleHelpdesk, time.Time{}) })
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonOK)
	f.write(func(w *directory.Writer) error { return w.DeleteUser(alice.ID) })
	f.want(f.attempt("alice", "correct horse", at("wiki")), directory.ReasonUnknownUser)
	f.write(func(w *directory.Writer) error { return w.DeleteGroup(gone.ID, true) })

	back, err := f.undelete(directorytest.Operator(), alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	if back.UID != alice.UID || back.UIDNumber != alice.UIDNumber || back.Email().Address != "alice@example.com" {
		t.Errorf("came back as %+v", back)
	}
	d := f.attempt("alice@example.com", "correct horse", at("wiki"))
	f.want(d, directory.ReasonOK)
	if len(d.Groups) != 1 || len(d.Rights) != 1 {
		t.Errorf("in groups %+v with rights %v", d.Groups, d.Rights)
	}
	dec, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch})
	if err != nil || dec.Allowed() {
		t.Errorf("a session from before the deletion: %+v, %v", dec, err)
	}
	if _, err := f.undelete(directorytest.Operator(), alice.ID); !directory.Is(err, directory.NotFound) {
		t.Errorf("a second time: %v, want not found", err)
	}
}

func TestUndeleteKeepsWhatWasDisabled(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.write(func(w *directory.Writer) error {
		if _, err := w.DisableUser(alice.ID, "left"); err != nil {
			return err
		}
		return w.DeleteUser(alice.ID)
	})
	if _, err := f.undelete(directorytest.Operator(), alice.ID); err != nil {
		t.Fatal(err)
	}
	f.want(f.attempt("alice", "correct horse"), directory.ReasonDisabled)
}

func TestUndeleteNeedsTheNames(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.write(func(w *directory.Writer) error { return w.DeleteUser(alice.ID) })
	other := f.create(directory.User{Username: "other", Emails: []directory.Email{{Address: "alice@example.com", Primary: true}}}, "pw pw pw")
	if _, err := f.undelete(directorytest.Operator(), alice.ID); !directory.Is(err, directory.Exists) {
		t.Fatalf("with an address that another has: %v, want exists", err)
	}
	f.write(func(w *directory.Writer) error { return w.DeleteUser(other.ID) })
	if _, err := f.undelete(directorytest.Operator(), alice.ID); err != nil {
		t.Errorf("with its names free again: %v", err)
	}
}

// TestNobodyRestoresAboveTheirRole: what was an owner comes back as one.
func TestNobodyRestoresAboveTheirRole(t *testing.T) {
	f := open(t)
	owner, plain, other := f.user("owner", "pw pw pw"), f.user("plain", "pw pw pw"), f.user("admin", "pw pw pw")
	f.write(func(w *directory.Writer) error {
		if err := w.Grant(other.ID, directory.RoleAdmin, time.Time{}); err != nil {
			return err
		}
		if err := w.Grant(owner.ID, directory.RoleOwner, time.Time{}); err != nil {
			return err
		}
		if err := w.DeleteUser(owner.ID); err != nil {
			return err
		}
		return w.DeleteUser(plain.ID)
	})
	admin := directory.Actor{Kind: directory.ActorPerson, Name: "admin", User: other.ID, Rights: []directory.Right{directory.RoleAdmin}}
	if _, err := f.undelete(admin, owner.ID); !directory.Is(err, directory.Denied) {
		t.Errorf("an admin restores an owner: %v", err)
	}
	if _, err := f.undelete(admin, plain.ID); err != nil {
		t.Errorf("an admin restores a person without a role: %v", err)
	}
}

// TestTheDeletedArePurged after 30 days. Their numbers stay taken.
func TestTheDeletedArePurged(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.write(func(w *directory.Writer) error { return w.DeleteUser(alice.ID) })
	rows := func() (users, kept int) {
		err := f.store.View(t.Context(), func(tx *directory.Tx) (err error) {
			if users, err = tx.Users.Count(directory.UserQuery{IDs: []directory.UserID{alice.ID}, Statuses: []directory.Status{directory.Deleted}}); err != nil {
				return err
			}
			kept, err = tx.DeletedUsers.Count(directory.DeletedUserQuery{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return users, kept
	}
	f.clock.Advance(30 * 24 * time.Hour)
	if err := f.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if users, kept := rows(); users != 1 || kept != 1 {
		t.Fatalf("after 30 days %d users and %d kept, want both", users, kept)
	}
	f.clock.Advance(time.Second)
	if _, err := f.undelete(directorytest.Operator(), alice.ID); !directory.Is(err, directory.NotFound) {
		t.Errorf("restored after 30 days: %v", err)
	}
	if err := f.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if users, kept := rows(); users != 0 || kept != 0 {
		t.Errorf("after the purge %d users and %d kept", users, kept)
	}
	if bob := f.user("bob", "pw pw pw"); bob.UIDNumber <= alice.UIDNumber {
		t.Errorf("bob got Unix number %d, of alice's %d or below", bob.UIDNumber, alice.UIDNumber)
	}
}
