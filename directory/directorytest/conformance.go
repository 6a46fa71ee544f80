package directorytest

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"gatehouse/directory"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Conformance is what every directory.Store must pass. open returns a new,
// empty store. What needs several processes is in Processes.
func Conformance(t *testing.T, open func(testing.TB) directory.Store) {
	t.Run("tables", func(t *testing.T) { conformTables(t, open) })
	t.Run("users", func(t *testing.T) { conformUsers(t, open(t)) })
	t.Run("groups", func(t *testing.T) { conformGroups(t, open(t)) })
	t.Run("graph", func(t *testing.T) { conformGraph(t, open(t)) })
	t.Run("snapshot", func(t *testing.T) { conformSnapshot(t, open(t)) })
	t.Run("transactions", func(t *testing.T) { conformTransactions(t, open) })
	t.Run("feed", func(t *testing.T) { conformFeed(t, open) })
	t.Run("audit", func(t *testing.T) { conformAudit(t, open(t)) })
}

// at is a time that a store keeps exactly.
func at(minutes int) time.Time { return Start.Add(time.Duration(minutes) * time.Minute) }

func mustUpdate(t testing.TB, s directory.Store, fn func(*directory.Tx) error) directory.Head {
	t.Helper()
	h, err := s.Update(t.Context(), fn)
	if err != nil {
		t.Fatalf("update: %v", err)
	}
	return h
}

func mustView(t testing.TB, s directory.Store, fn func(*directory.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// all returns everything that q selects.
func all[R, Q any](table directory.Table[R, Q], q Q) ([]R, error) { return collect(table.Find(q)) }

// collect returns everything that rows yields.
func collect[R any](rows iter.Seq2[R, error]) ([]R, error) {
	var out []R
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// errStop ends a transaction on purpose.
var errStop = errors.New("stop")

// seed makes three users, three groups and two apps, to which other rows refer.
func seed(t testing.TB, s directory.Store) {
	t.Helper()
	mustUpdate(t, s, func(tx *directory.Tx) error {
		for i := 1; i <= 3; i++ {
			if err := tx.Users.Insert(person(i)); err != nil {
				return err
			}
			if err := tx.Groups.Insert(group(i)); err != nil {
				return err
			}
		}
		return tx.Apps.Insert(app(1), app(2))
	})
}

func uid(kind, n int) string { return fmt.Sprintf("%08d-0000-4000-8000-%012d", n, kind) }

func person(n int) directory.User {
	name := fmt.Sprintf("user%02d", n)
	return directory.User{
		ID: directory.UserID(n), UID: uid(1, n), Kind: directory.Person, Username: name, NameKey: name, Status: directory.Active,
		Profile: directory.Attributes{"displayName": {"User " + name}, "phone": {"1", "2"}}, Attrs: directory.Attributes{},
		Source: "local", Rev: 1, Epoch: int64(n) << 33, Created: at(n), Updated: at(n),
	}
}

func group(n int) directory.Group {
	name := fmt.Sprintf("group%02d", n)
	return directory.Group{
		ID: directory.GroupID(n), UID: uid(2, n), Name: name, NameKey: name, Attrs: directory.Attributes{"vlan": {"101"}},
		Source: "local", Rev: 1, Created: at(n), Updated: at(n),
	}
}

func app(n int) directory.App {
	slug := fmt.Sprintf("app-%02d", n)
	return directory.App{
		ID: directory.AppID(n), UID: uid(3, n), Slug: slug, Name: "App", LaunchURL: "https://a.example/", PolicyMode: directory.AllPolicies,
		Require: []directory.Factor{directory.FactorTOTP}, Builtin: n == 1, Source: "local", Rev: 1, Created: at(n), Updated: at(n),
	}
}
