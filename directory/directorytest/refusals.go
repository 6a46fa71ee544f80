package directorytest

import (
	"fmt"
	"testing"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/credential"
)

// Refusal is one way to be refused at a door. Which one it is must not be seen.
type Refusal struct {
	Why            directory.Reason // for the audit alone
	What           string
	Name, Password string
}

// Refusals makes people who are refused for every reason that there is, members of
// the groups. door is an attempt as the door makes it, without name and proof; its
// app asks for a TOTP code. now is the time by the core's clock.
func Refusals(t testing.TB, d *directory.Directory, s directory.Store, door directory.Attempt, now time.Time, groups ...directory.GroupID) []Refusal {
	t.Helper()
	const password, wrong = "the right one of them all", "none of the right ones"
	const ssha, bcrypt = "{SSHA}C1newsfFmlD02QTcqAUBSUg9SAZzYWx0", "$2b$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"
	right, err := d.HashPassword(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	write := func(fn func(*directory.Writer) error) {
		t.Helper()
		if _, err := d.Write(t.Context(), Operator(), fn); err != nil {
			t.Fatal(err)
		}
	}
	seeds := map[string]credential.TOTP{}
	person := func(name string, encoded directory.Secret) directory.UserID {
		t.Helper()
		hash := right
		if encoded != "" {
			if hash, err = directory.ImportedHash(encoded); err != nil {
				t.Fatal(err)
			}
		}
		var u directory.User
		write(func(w *directory.Writer) (err error) {
			if u, err = w.CreateUser(directory.User{Username: name}); err != nil {
				return err
			}
			if err := w.SetPassword(u.ID, hash); err != nil {
				return err
			}
			for _, g := range groups {
				if err := w.AddMembers(g, directory.Membership{User: u.ID}); err != nil {
					return err
				}
			}
			seeds[name], _, err = w.AddTOTP(u.ID, "phone")
			return err
		})
		return u.ID
	}
	code := func(name string) string { return seeds[name].Code(seeds[name].Step(now)) }
	attempt := func(a directory.Attempt, name, password string) directory.Decision {
		t.Helper()
		a.Name, a.Proof, a.Unhurried = name, directory.PasswordProof{Password: directory.Secret(password)}, true
		dec, err := d.Authenticate(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return dec
	}
	for _, name := range []string{"r-wrong", "r-code", "r-missing", "r-both"} {
		person(name, "")
	}
	person("r-ssha", ssha)
	person("r-bcrypt", bcrypt)
	gone := map[string]directory.UserID{"disabled": person("r-disabled", ""), "locked": person("r-locked", ""), "expired": person("r-expired", "")}
	write(func(w *directory.Writer) error {
		if _, err := w.DisableUser(gone["disabled"], "test"); err != nil {
			return err
		}
		if _, err := w.Lockdown(gone["locked"], "test"); err != nil {
			return err
		}
		_, err := w.UpdateUser(gone["expired"], func(u *directory.User) error { u.Expires = now.Add(-time.Hour); return nil })
		return err
	})
	person("r-cached", "")
	if dec := attempt(directory.Attempt{Protocol: directory.ProtocolLDAP, Peer: door.Peer}, "r-cached", password); !dec.Allowed() {
		t.Fatalf("a right password where no code is asked for: %s", dec.Reason)
	}
	slowed := person("r-slowed", "")
	attempt(door, "r-slowed", wrong)
	throttle(t, s, slowed, now.Add(time.Hour))
	return []Refusal{
		{directory.ReasonUnknownUser, "unknown", "r-nobody", password},
		{directory.ReasonWrongPassword, "wrong password", "r-wrong", wrong},
		{directory.ReasonLockedDown, "locked down", "r-locked", password},
		{directory.ReasonDisabled, "disabled", "r-disabled", password},
		{directory.ReasonExpired, "expired", "r-expired", password},
		{directory.ReasonWrongPassword, "SSHA", "r-ssha", wrong},
		{directory.ReasonWrongPassword, "bcrypt", "r-bcrypt", wrong},
		{directory.ReasonFactorRequired, "cached, without a code", "r-cached", password},
		{directory.ReasonFactorRequired, "right, without a code", "r-missing", password},
		{directory.ReasonFactorWrong, "wrong code", "r-code", password + ";" + wrongCode(seeds["r-code"], now)},
		{directory.ReasonWrongPassword, "wrong password, right code", "r-both", wrong + ";" + code("r-both")},
		{directory.ReasonThrottled, "throttled", "r-slowed", password + ";" + code("r-slowed")},
	}
}

// wrongCode is a code that is not g's now.
func wrongCode(g credential.TOTP, now time.Time) string {
	for i := 0; ; i++ {
		code := fmt.Sprintf("%06d", i)
		if _, ok := g.Match(code, now); !ok {
			return code
		}
	}
}

// throttle makes the account one that another process has seen guessed at, from
// wherever it was tried before.
func throttle(t testing.TB, s directory.Store, id directory.UserID, until time.Time) {
	t.Helper()
	n := 0
	err := s.Record(t.Context(), func(tx *directory.Tx) error {
		n = 0
		for row, err := range tx.Failures.Find(directory.FailuresQuery{User: id}) {
			if err != nil {
				return err
			}
			if row.Bucket != directory.BucketPair {
				continue
			}
			row.Count, row.Until = 20, until
			if err := tx.Failures.Update(row); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d rows of failures, %v", n, err)
	}
}
