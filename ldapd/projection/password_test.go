package projection

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// TestPasswordAttributes: what is known of a password follows its changes, is found by filters, is the same after a new
// load, and exists for those only who may know it.
func TestPasswordAttributes(t *testing.T) {
	w := newWorld(t)
	hash, err := directory.ImportedHash("{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTBzYWx0")
	if err != nil {
		t.Fatal(err)
	}
	set := func(ids ...directory.UserID) {
		w.write(func(tx *directory.Writer) error {
			for _, id := range ids {
				if err := tx.SetPassword(id, hash); err != nil {
					return err
				}
			}
			return nil
		})
	}
	alice, bob := w.user(directory.User{Username: "alice"}), w.user(directory.User{Username: "bob"})
	carol := w.user(directory.User{Username: "carol"})
	robot := w.user(directory.User{Username: "robot", Kind: directory.ServiceAccount})
	w.user(directory.User{Username: "dave"}) // has no password
	set(alice.ID, robot.ID)
	w.start()
	w.clock.Advance(time.Hour)
	set(bob.ID, carol.ID)
	w.write(func(tx *directory.Writer) error {
		if err := tx.RequirePasswordChange(bob.ID); err != nil {
			return err
		}
		_, err := tx.Lockdown(carol.ID, "test")
		return err
	})
	w.sameAsLoaded()

	first, second := directorytest.Start.Format(timeLayout), directorytest.Start.Add(time.Hour).Format(timeLayout)
	admin := Viewer{Audience: schema.Admin}
	for name, want := range map[string]map[string][]string{
		"alice": {"pwdChangedTime": {first}},
		"bob":   {"pwdChangedTime": {second}, "pwdReset": {"TRUE"}},
		"carol": {"pwdChangedTime": {second}, "pwdAccountLockedTime": {"000001010000Z"}},
		"dave":  {},
	} {
		if diff := cmp.Diff(want, entry(t, w.x, userDN(name), admin, "pwdChangedTime", "pwdReset", "pwdAccountLockedTime")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	find := func(filter string, v Viewer) string {
		return strings.Join(sorted(names(search(t, w.x, ask{scope: wire.ScopeSubtree, filter: filter, viewer: v}))), " ")
	}
	for filter, want := range map[string]string{
		"(pwdChangedTime>=" + second + ")":                    "bob carol",
		"(pwdChangedTime>=" + first + ")":                     "alice bob carol robot",
		"(pwdChangedTime<=" + first + ")":                     "alice robot",
		"(pwdChangedTime=" + first + ")":                      "alice robot",
		"(&(objectClass=inetOrgPerson)(!(pwdChangedTime=*)))": "dave",
		"(&(objectClass=person)(pwdReset=TRUE))":              "bob",
		"(pwdAccountLockedTime=*)":                            "carol",
		"(pwdAccountLockedTime=000001010000Z)":                "carol",
	} {
		if got := find(filter, admin); got != want {
			t.Errorf("%s finds %q, want %q", filter, got, want)
		}
	}
	// A service account that reads the tree knows when, for clients that look for changes; who must change it and who
	// is locked out are for people with a role; nobody else knows any of it.
	for _, c := range []struct {
		filter string
		viewer Viewer
		want   string
	}{
		{"(pwdChangedTime>=" + second + ")", everybody(), "bob carol"},
		{"(|(pwdReset=*)(pwdAccountLockedTime=*))", everybody(), ""},
		{"(&(uid=alice)(!(pwdReset:booleanMatch:=TRUE)))", everybody(), ""},
		{"(&(uid=alice)(!(pwdReset:booleanMatch:=TRUE)))", admin, "alice"},
		{"(pwdChangedTime=*)", Viewer{Audience: schema.Self, User: bob.ID}, ""},
		{"(pwdReset=TRUE)", Viewer{Audience: schema.Self, User: bob.ID}, ""},
	} {
		if got := find(c.filter, c.viewer); got != c.want {
			t.Errorf("%s as %+v finds %q, want %q", c.filter, c.viewer, got, c.want)
		}
	}

	w.clock.Advance(time.Hour)
	set(bob.ID)
	third := directorytest.Start.Add(2 * time.Hour).Format(timeLayout)
	if got := entry(t, w.x, userDN("bob"), admin, "pwdChangedTime", "pwdReset"); got["pwdReset"] != nil || got["pwdChangedTime"][0] != third {
		t.Errorf("after the change: %v", got)
	}
}
