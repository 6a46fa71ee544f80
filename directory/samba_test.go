package directory_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/credential"
)

// samba adds a service account that may read NT hashes.
func (f *fixture) samba() directory.Actor {
	f.t.Helper()
	var u directory.User
	f.write(func(w *directory.Writer) (err error) {
		if u, err = w.CreateUser(directory.User{Username: "nas", Kind: directory.ServiceAccount}); err != nil {
			return err
		}
		return w.Grant(u.ID, directory.ReadSamba, time.Time{})
	})
	return directory.Actor{Kind: directory.ActorService, User: u.ID, Name: "nas", Rights: []directory.Right{directory.ReadSamba}}
}

func (f *fixture) hashes(by directory.Actor, users ...directory.UserID) map[directory.UserID]directory.Secret {
	f.t.Helper()
	got, err := f.SambaHashes(f.t.Context(), by, users)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// TestSambaHashes: the hash of the Samba password and of no other, of those who may sign in at this moment.
func TestSambaHashes(t *testing.T) {
	f := open(t)
	alice, bob, carol, dave := f.user("alice", "correct horse"), f.user("bob", "correct horse"), f.user("carol", "correct horse"), f.user("dave", "correct horse")
	by := f.samba()
	all := []directory.UserID{alice.ID, bob.ID, carol.ID, dave.ID, by.User}
	kind := directory.CredentialSambaPassword
	password, _ := f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Kind: kind})
	f.networkPassword(directory.NewNetworkPassword{User: alice.ID})
	f.networkPassword(directory.NewNetworkPassword{User: bob.ID})
	f.networkPassword(directory.NewNetworkPassword{User: carol.ID, Kind: kind, Expires: f.clock.Now().Add(time.Hour)})
	f.networkPassword(directory.NewNetworkPassword{User: dave.ID, Kind: kind})
	want := credential.NTHash(password)
	got := f.hashes(by, all...)
	if len(got) != 3 || got[alice.ID].Reveal() != strings.ToUpper(hex.EncodeToString(want[:])) {
		t.Fatalf("%d hashes, alice's %q", len(got), got[alice.ID].Reveal())
	}
	// A second password replaces the first.
	f.networkPassword(directory.NewNetworkPassword{User: alice.ID, Kind: kind})
	if again := f.hashes(by, alice.ID); len(again) != 1 || again[alice.ID] == got[alice.ID] {
		t.Errorf("after another password was made: %d hashes", len(again))
	}
	f.clock.Advance(time.Hour)
	f.write(func(w *directory.Writer) error { _, err := w.DisableUser(alice.ID, ""); return err })
	f.write(func(w *directory.Writer) error { _, err := w.Lockdown(dave.ID, ""); return err })
	if left := f.hashes(by, all...); len(left) != 0 {
		t.Errorf("of somebody disabled, an expired one, one locked down: %d hashes", len(left))
	}
	f.write(func(w *directory.Writer) error { _, err := w.EnableUser(alice.ID, false); return err })
	if back := f.hashes(by, all...); len(back) != 1 {
		t.Errorf("after the account was enabled again: %d hashes", len(back))
	}
	f.write(func(w *directory.Writer) error {
		_, err := w.UpdateUser(alice.ID, func(u *directory.User) error { u.Expires = f.clock.Now(); return nil })
		return err
	})
	if left := f.hashes(by, all...); len(left) != 0 {
		t.Errorf("of an account that has expired: %d hashes", len(left))
	}
}

// TestSambaHashesNeedTheRightOfNow: a connection may be older than the loss of the grant.
func TestSambaHashesNeedTheRightOfNow(t *testing.T) {
	f := open(t)
	by := f.samba()
	if _, err := f.SambaHashes(t.Context(), by, nil); err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error { return w.Revoke(by.User, directory.ReadSamba) })
	if _, err := f.SambaHashes(t.Context(), by, nil); !directory.Is(err, directory.Denied) {
		t.Errorf("after the grant was revoked: %v", err)
	}
}

// TestSambaSID: made once, and another one in each directory.
func TestSambaSID(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		f := open(t)
		f.write(func(w *directory.Writer) error {
			sid, _, err := w.Setting(directory.SettingSambaSID)
			if !regexp.MustCompile(`^S-1-5-21-\d+-\d+-\d+$`).MatchString(sid) || seen[sid] {
				t.Errorf("the SID is %q", sid)
			}
			seen[sid] = true
			return err
		})
	}
}
