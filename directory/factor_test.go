package directory_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
	"gatehouse/directory/credential"
	"gatehouse/directory/directorytest"
	"gatehouse/directory/schema"
	"gatehouse/directory/seal"
	"gatehouse/directory/sqlstore"
)

// enrol gives a user an authenticator and returns it.
func (f *fixture) enrol(u directory.User) credential.TOTP {
	f.t.Helper()
	var out credential.TOTP
	f.write(func(w *directory.Writer) (err error) {
		out, _, err = w.AddTOTP(u.ID, "phone")
		return err
	})
	return out
}

// code is the code of now. Each call moves the clock to a step of its own, so
// that no code was used before.
func (f *fixture) code(g credential.TOTP) string {
	return g.Code(g.Step(f.clock.Advance(30 * time.Second)))
}

// wrongCode is a code that is not g's now.
func (f *fixture) wrongCode(g credential.TOTP) string {
	for i := range 1_000_000 {
		code := fmt.Sprintf("%06d", i)
		if _, ok := g.Match(code, f.clock.Now()); !ok {
			return code
		}
	}
	panic("every code is right")
}

// bank is an app that asks for a code.
func (f *fixture) bank() directory.App {
	f.t.Helper()
	a := f.app("bank")
	f.write(func(w *directory.Writer) (err error) {
		a, err = w.UpdateApp(a.ID, func(a *directory.App) error {
			a.Require = []directory.Factor{directory.FactorTOTP}
			return nil
		})
		return err
	})
	return a
}

func (f *fixture) requireMFA(on bool) {
	f.t.Helper()
	f.write(func(w *directory.Writer) error { return w.SetSetting(directory.SettingRequireMFA, fmt.Sprint(on)) })
}

func asking(a *directory.Attempt) { a.Challenge = true }

// TestAppendedCode: every form of password and code costs one slow hash, and only
// the right pair opens an app that asks for a code. Nothing is taken off where
// none is asked for.
func TestAppendedCode(t *testing.T) {
	f := open(t)
	f.bank()
	passwords := map[string]string{"alice": "correct horse", "semi": "horse;123456", "digits": "horse123456", "number": "987654321"}
	seeds := map[string]credential.TOTP{}
	for name, password := range passwords {
		seeds[name] = f.enrol(f.user(name, password))
	}
	passwords["bob"] = "correct horse" // not enrolled
	f.user("bob", passwords["bob"])
	const right, wrong = "RIGHT", "WRONG"
	for i, tt := range []struct {
		name, user string
		typed      string // PW, RIGHT and WRONG are replaced
		app        string
		want       directory.Reason
	}{
		{"right", "alice", "PW;RIGHT", "bank", directory.ReasonOK},
		{"right without semicolon", "alice", "PWRIGHT", "bank", directory.ReasonOK},
		{"no code", "alice", "PW", "bank", directory.ReasonFactorRequired},
		{"wrong code", "alice", "PW;WRONG", "bank", directory.ReasonFactorWrong},
		{"wrong code without semicolon", "alice", "PWWRONG", "bank", directory.ReasonFactorWrong},
		{"wrong password", "alice", "wrong;RIGHT", "bank", directory.ReasonWrongPassword},
		{"both wrong", "alice", "wrong;WRONG", "bank", directory.ReasonWrongPassword},
		{"only a code", "alice", "RIGHT", "bank", directory.ReasonWrongPassword},
		{"a code too many", "alice", "PW;RIGHT;RIGHT", "bank", directory.ReasonWrongPassword},
		{"not enrolled", "bob", "PW", "bank", directory.ReasonFactorRequired},
		{"not enrolled, with a code", "bob", "PW;123456", "bank", directory.ReasonFactorRequired},
		{"password that ends in a code", "semi", "PW;RIGHT", "bank", directory.ReasonOK},
		{"password that ends in a code, alone", "semi", "PW", "bank", directory.ReasonWrongPassword},
		{"password that ends in digits", "digits", "PWRIGHT", "bank", directory.ReasonOK},
		{"password of digits", "number", "PW;RIGHT", "bank", directory.ReasonOK},
		{"no demand: nothing is taken off", "semi", "PW", "", directory.ReasonOK},
		{"no demand: digits stay", "digits", "PW", "", directory.ReasonOK},
		{"no demand: a code is part of the password", "alice", "PW;RIGHT", "", directory.ReasonWrongPassword},
		{"nobody", "nobody", "PW;123456", "bank", directory.ReasonUnknownUser},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f.clock.Advance(20 * time.Minute) // no password is remembered
			seed := seeds[tt.user]
			typed := strings.ReplaceAll(tt.typed, "PW", passwords[tt.user])
			if tt.user != "nobody" && tt.user != "bob" {
				typed = strings.NewReplacer(right, f.code(seed), wrong, f.wrongCode(seed)).Replace(typed)
			}
			before := f.SlowHashes()
			d := f.attempt(tt.user, typed, at(tt.app), func(a *directory.Attempt) { a.Device = fmt.Sprint(i) })
			f.want(d, tt.want)
			if n := f.SlowHashes() - before; n != 1 {
				t.Errorf("%d slow hashes, want 1", n)
			}
			if d.Allowed() && tt.app != "" && !cmp.Equal(d.Factors, []directory.Factor{directory.FactorPassword, directory.FactorTOTP}) {
				t.Errorf("factors %v", d.Factors)
			}
		})
	}
}

// TestRefusalsWithAFactorLookAlike: who guesses cannot tell what was wrong.
func TestRefusalsWithAFactorLookAlike(t *testing.T) {
	f := open(t)
	f.bank()
	g := f.enrol(f.user("alice", "correct horse"))
	f.user("bob", "correct horse") // not enrolled
	f.want(f.attempt("alice", "correct horse;"+f.code(g), at("bank")), directory.ReasonOK)
	shown := func(d directory.Decision) []any {
		return []any{d.Outcome, d.User.ID, d.Message, d.RetryAfter, d.LeaveAt.Sub(f.clock.Now()), d.Challenge}
	}
	var first []any
	for name, typed := range map[string]string{
		"alice": "correct horse", "bob": "correct horse", "ALICE": "wrong", "nobody": "correct horse",
		"alice@example.com": "correct horse;" + f.wrongCode(g), "Alice@example.com": "wrong;" + g.Code(g.Step(f.clock.Now())+1),
	} {
		got := shown(f.attempt(name, typed, at("bank")))
		if first == nil {
			first = got
		}
		if d := cmp.Diff(first, got); d != "" {
			t.Errorf("%s %q looks different: %s", name, typed, d)
		}
	}
}

// TestACodeIsUsedOnce: not again, and not an older one after it.
func TestACodeIsUsedOnce(t *testing.T) {
	f := open(t)
	f.bank()
	g := f.enrol(f.user("alice", "correct horse"))
	older := f.code(g)
	code := f.code(g)
	// A wrong password and a closed door leave the code as it is.
	f.want(f.attempt("alice", "wrong;"+code, at("bank")), directory.ReasonWrongPassword)
	f.want(f.attempt("alice", "correct horse;"+code, at("bank")), directory.ReasonOK)
	f.want(f.attempt("alice", "correct horse;"+code, at("bank")), directory.ReasonFactorWrong)
	f.want(f.attempt("alice", "correct horse;"+older, at("bank")), directory.ReasonFactorWrong)
	f.want(f.attempt("alice", "correct horse;"+f.code(g), at("bank")), directory.ReasonOK)
}

func TestACodeIsKeptWhenTheDoorStaysShut(t *testing.T) {
	f := open(t)
	bank := f.bank()
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	staff := f.group("staff")
	f.write(func(w *directory.Writer) error {
		return w.SetBindings(bank.ID, []directory.Binding{{Kind: directory.BindGroup, Ref: int64(staff.ID), RefName: "staff"}}, true)
	})
	code := f.code(g)
	f.want(f.attempt("alice", "correct horse;"+code, at("bank")), directory.ReasonNotBound)
	f.write(func(w *directory.Writer) error { return w.AddMembers(staff.ID, directory.Membership{User: alice.ID}) })
	f.want(f.attempt("alice", "correct horse;"+code, at("bank")), directory.ReasonOK)
}

// TestACodeAtTwoDoorsAtOnce: one of them opens, whatever the engine.
func TestACodeAtTwoDoorsAtOnce(t *testing.T) {
	for name, cfg := range map[string]sqlstore.Config{
		"sqlite": directorytest.SQLiteConfig(t), "postgres": directorytest.PostgresConfig(t),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{t: t, clock: directorytest.NewClock(), store: directorytest.Open(t, cfg)}
			atTime := func(c *directory.Config) { c.Now = f.clock.Now }
			f.Directory = directorytest.Core(t, f.store, atTime)
			second := *f
			second.Directory = directorytest.Join(t, directorytest.Open(t, cfg), f.Keys(), atTime)
			f.bank()
			alice := f.user("alice", "correct horse")
			g := f.enrol(alice)
			codes := f.recoveryCodes(alice)
			asked := f.ask("alice", "correct horse")
			for i := range 4 {
				proofs := []directory.Proof{
					directory.PasswordProof{Password: directory.Secret("correct horse;" + f.code(g))}, directory.CodeProof{Code: codes[i]},
				}
				for _, proof := range proofs {
					if n := atOnce(f, &second, asked, proof); n != 1 {
						t.Fatalf("%d doors opened with one code of %T", n, proof)
					}
				}
			}
		})
	}
}

// atOnce shows the same at four doors of two processes in one moment and returns
// how many opened.
func atOnce(first, second *fixture, asked directory.Decision, proof directory.Proof) int64 {
	var doors sync.WaitGroup
	var opened atomic.Int64
	for i, door := range []*fixture{first, second, first, second} {
		doors.Go(func() {
			a := directory.Attempt{
				Name: "alice", Proof: proof, App: "bank", Protocol: directory.ProtocolLDAP, Device: fmt.Sprint(i), Unhurried: true,
			}
			if _, code := proof.(directory.CodeProof); code {
				a.User, a.Epoch, a.Proved = asked.User.ID, asked.User.Epoch, asked.Factors
			}
			d, err := door.Authenticate(first.t.Context(), a)
			if err != nil {
				first.t.Error(err)
			}
			if d.Allowed() {
				opened.Add(1)
			}
		})
	}
	doors.Wait()
	return opened.Load()
}

// TestRequireMFA: the setting holds at every door, and what programs have
// satisfies it.
func TestRequireMFA(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	password := f.appPassword(directory.NewGenerated{User: alice.ID, Protocol: directory.ProtocolLDAP})
	f.create(directory.User{Kind: directory.ServiceAccount, Username: "reader"}, "secret secret")
	f.requireMFA(true)
	for _, app := range []string{"", directory.AppDirectory, directory.AppNetwork} {
		f.want(f.attempt("alice", "correct horse", at(app)), directory.ReasonFactorRequired)
		f.want(f.attempt("alice", "correct horse;"+f.code(g), at(app)), directory.ReasonOK)
	}
	f.want(f.attempt("alice", password, at(directory.AppDirectory)), directory.ReasonOK)
	service := func(a *directory.Attempt) { a.Kind = directory.ServiceAccount }
	f.want(f.attempt("reader", "secret secret", service), directory.ReasonOK)
	for _, c := range []struct {
		factor directory.Factor
		want   directory.Reason
	}{
		{directory.FactorPassword, directory.ReasonFactorRequired},
		{directory.FactorPeer, directory.ReasonFactorRequired},
		{directory.FactorTOTP, directory.ReasonOK},
		{directory.FactorRecoveryCode, directory.ReasonOK},
		{directory.FactorCertificate, directory.ReasonOK},
		{directory.FactorAppPassword, directory.ReasonOK},
	} {
		d, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch, Factors: []directory.Factor{c.factor}})
		if err != nil {
			t.Fatal(err)
		}
		f.want(d, c.want)
	}
	f.requireMFA(false)
	f.want(f.attempt("alice", "correct horse", at(directory.AppDirectory)), directory.ReasonOK)
}

// TestAPolicyAsksForACode: what lets people in with a code and not without makes
// one required, as an app does. Its message is read only by who has proved both.
func TestAPolicyAsksForACode(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	f.app("vault", f.policy("codes", `user.has_factor("totp")`))
	f.want(f.attempt("alice", "correct horse", at("vault")), directory.ReasonFactorRequired)
	f.want(f.attempt("alice", "correct horse;"+f.wrongCode(g), at("vault")), directory.ReasonFactorWrong)
	f.want(f.attempt("alice", "correct horse;"+f.code(g), at("vault")), directory.ReasonOK)
	shut := f.app("shut", f.policy("shut", "false"))
	f.write(func(w *directory.Writer) error {
		_, err := w.UpdateApp(shut.ID, func(a *directory.App) error { a.Require = []directory.Factor{directory.FactorTOTP}; return nil })
		return err
	})
	for typed, message := range map[string]string{
		"correct horse": "", "correct horse;" + f.wrongCode(g): "", "wrong;" + g.Code(g.Step(f.clock.Now())+1): "",
		"correct horse;" + g.Code(g.Step(f.clock.Now())+1): "Not by shut.",
	} {
		if d := f.attempt("alice", typed, at("shut")); d.Allowed() || d.Message != message {
			t.Errorf("%q: %s with message %q, want %q", typed, d.Reason, d.Message, message)
		}
	}
}

// TestWhatStandsForAFactor: a recovery code for one that was lost, not for a
// device.
func TestWhatStandsForAFactor(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	for want, opens := range map[directory.Factor]bool{directory.FactorTOTP: true, directory.FactorPasskey: true, directory.FactorCertificate: false} {
		a := f.app(string(want))
		f.write(func(w *directory.Writer) error {
			_, err := w.UpdateApp(a.ID, func(a *directory.App) error { a.Require = []directory.Factor{want}; return nil })
			return err
		})
		d, err := f.Authorize(t.Context(), directory.Admission{
			User: alice.ID, Epoch: alice.Epoch, App: a.Slug, Factors: []directory.Factor{directory.FactorPassword, directory.FactorRecoveryCode},
		})
		if err != nil || d.Allowed() != opens {
			t.Errorf("%s: %s, %v", want, d.Reason, err)
		}
	}
}

// TestRequireOnlyKnownFactors: a typing error would shut everybody out.
func TestRequireOnlyKnownFactors(t *testing.T) {
	f := open(t)
	err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
		_, err := w.CreateApp(directory.App{Slug: "bank", Require: []directory.Factor{"topt"}})
		return err
	})
	if !directory.Is(err, directory.Invalid) {
		t.Errorf("%v, want invalid", err)
	}
}

func (f *fixture) appPassword(n directory.NewGenerated) string {
	f.t.Helper()
	n.Kind = directory.CredentialAppPassword
	var s directory.Secret
	f.write(func(w *directory.Writer) (err error) {
		s, _, err = w.AddGenerated(n)
		return err
	})
	return s.Reveal()
}

// TestAppPasswordAsFactor: what an app says its app passwords are good for.
func TestAppPasswordAsFactor(t *testing.T) {
	for _, tt := range []struct {
		use                 string
		appPassword, signIn directory.Reason // by the app password; by password and code
	}{
		{schema.AppPasswordsAllowed, directory.ReasonFactorRequired, directory.ReasonOK},
		{schema.AppPasswordsFactor, directory.ReasonOK, directory.ReasonOK},
		{schema.AppPasswordsOnly, directory.ReasonOK, directory.ReasonCredentialScope},
	} {
		t.Run("use "+tt.use, func(t *testing.T) {
			f := open(t)
			bank := f.bank()
			alice := f.user("alice", "correct horse")
			g := f.enrol(alice)
			f.write(func(w *directory.Writer) error {
				return w.SetFacet(directory.NewFacet{App: bank.ID, Protocol: directory.ProtocolLDAP, Config: schema.LDAP{AppPasswords: tt.use}})
			})
			own := f.appPassword(directory.NewGenerated{User: alice.ID, App: bank.ID})
			f.want(f.attempt("alice", own, at("bank")), tt.appPassword)
			f.want(f.attempt("alice", own+";"+f.code(g), at("bank")), directory.ReasonOK)
			f.want(f.attempt("alice", "correct horse;"+f.code(g), at("bank")), tt.signIn)
			// The facet of one protocol says nothing about another.
			f.want(f.attempt("alice", own, at("bank"), from(directory.ProtocolRADIUS)), directory.ReasonFactorRequired)
		})
	}
}

// TestAnAppPasswordTriedEverywhere: a hundred times where it does not belong.
func TestAnAppPasswordTriedEverywhere(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	a := f.app("a")
	f.app("b")
	own := f.appPassword(directory.NewGenerated{User: alice.ID, App: a.ID, Protocol: directory.ProtocolLDAP})
	for i := range 100 {
		f.want(f.attempt("alice", own, at("a"), from(directory.ProtocolRADIUS)), directory.ReasonCredentialScope)
		f.want(f.attempt("alice", own, at("b")), directory.ReasonCredentialScope)
		f.want(f.attempt("alice", own, at(directory.AppDirectory)), directory.ReasonCredentialScope)
		f.want(f.attempt("alice", own, at("a"), from(directory.ProtocolWeb)), directory.ReasonCredentialScope)
		f.want(f.attempt("alice", own, from(directory.ProtocolAPI)), directory.ReasonCredentialScope)
		if i == 0 {
			f.want(f.attempt("alice", own, at("a")), directory.ReasonOK)
		}
	}
	f.want(f.attempt("alice", own, at("a")), directory.ReasonOK)
}

// TestAnAppPasswordChangesNothing: what it lets in may read, and that is all.
func TestAnAppPasswordChangesNothing(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	f.write(func(w *directory.Writer) error { return w.Grant(alice.ID, directory.RoleOwner, time.Time{}) })
	own := f.appPassword(directory.NewGenerated{User: alice.ID, Protocol: directory.ProtocolLDAP})
	hash, err := f.HashPassword(t.Context(), "another one")
	if err != nil {
		t.Fatal(err)
	}
	for typed, may := range map[string]bool{"correct horse": true, own: false} {
		d := f.attempt("alice", typed)
		f.want(d, directory.ReasonOK)
		for what, do := range map[string]func(*directory.Writer) error{
			"its own password": func(w *directory.Writer) error { return w.SetPassword(alice.ID, hash) },
			"a group":          func(w *directory.Writer) error { _, err := w.CreateGroup(directory.Group{Name: "g"}); return err },
			"a setting":        func(w *directory.Writer) error { return w.SetSetting("x", "y") },
		} {
			err := f.tryWrite(d.Actor("ldap"), func(w *directory.Writer) error {
				if err := do(w); err != nil {
					return err
				}
				return errKeepNothing
			})
			if allowed := !directory.Is(err, directory.Denied); allowed != may {
				t.Errorf("%s by %s: %v", what, d.Factors, err)
			}
		}
	}
}

// TestAppPasswordsAreBounded: fifty of a user, with a label of one line.
func TestAppPasswordsAreBounded(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	n := directory.NewGenerated{User: alice.ID, Kind: directory.CredentialAppPassword, Protocol: directory.ProtocolLDAP}
	for range 50 {
		f.appPassword(n)
	}
	add := func(n directory.NewGenerated) error {
		return f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error {
			_, _, err := w.AddGenerated(n)
			return err
		})
	}
	if err := add(n); !directory.Is(err, directory.Invalid) {
		t.Errorf("the 51st: %v, want invalid", err)
	}
	n.User, n.Label = f.user("bob", "correct horse").ID, "two\nlines"
	if err := add(n); !directory.Is(err, directory.Invalid) {
		t.Errorf("a label of two lines: %v, want invalid", err)
	}
	n.Label, n.Protocol = "", directory.ProtocolWeb
	if err := add(n); !directory.Is(err, directory.Invalid) {
		t.Errorf("an app password for the web: %v, want invalid", err)
	}
}

// TestRevokedAppPassword: who was let in by it is out once it is gone or over.
func TestRevokedAppPassword(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	n := directory.NewGenerated{User: alice.ID, Protocol: directory.ProtocolLDAP}
	revoked := f.attempt("alice", f.appPassword(n))
	n.Expires = f.clock.Now().Add(time.Hour)
	short := f.appPassword(n)
	over := f.attempt("alice", short)
	authorize := func(d directory.Decision) directory.Decision {
		out, err := f.Authorize(t.Context(), directory.Admission{User: alice.ID, Epoch: alice.Epoch, Factors: d.Factors, Resumed: directory.Resumed{Credential: d.Credential, Version: d.Version}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	f.want(authorize(revoked), directory.ReasonOK)
	f.want(authorize(over), directory.ReasonOK)
	f.write(func(w *directory.Writer) error { return w.RemoveCredential(alice.ID, revoked.Credential) })
	f.clock.Advance(time.Hour)
	f.want(authorize(revoked), directory.ReasonCredentialExpired)
	f.want(authorize(over), directory.ReasonCredentialExpired)
	f.want(f.attempt("alice", short), directory.ReasonCredentialExpired)
}

// TestLastUsed: of an app password it is written behind, at most once in five
// minutes, and no change of anybody.
func TestLastUsed(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	own := f.appPassword(directory.NewGenerated{User: alice.ID, Protocol: directory.ProtocolLDAP})
	first := f.clock.Advance(time.Hour).Truncate(time.Microsecond)
	id := f.attempt("alice", own).Credential
	f.clock.Advance(4 * time.Minute)
	f.attempt("alice", own)
	before, err := f.Barrier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.Close() // writes what is noted
	err = f.store.View(t.Context(), func(tx *directory.Tx) error {
		for c, err := range tx.Credentials.Find(directory.CredentialQuery{IDs: []directory.CredentialID{id}}) {
			if err != nil || !c.LastUsed.Equal(first) {
				t.Errorf("last used %v, want %v; %v", c.LastUsed, first, err)
			}
		}
		after, err := tx.Feed.Head()
		if after != before {
			t.Errorf("the feed moved from %v to %v", before, after)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAuthenticatorsAreSealedAndBounded: a stolen database makes no codes.
func TestAuthenticatorsAreSealedAndBounded(t *testing.T) {
	f := open(t)
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	seed, err := g.Encode()
	if err != nil {
		t.Fatal(err)
	}
	err = f.store.View(t.Context(), func(tx *directory.Tx) error {
		for c, err := range tx.Credentials.Find(directory.CredentialQuery{Kinds: []directory.CredentialKind{directory.CredentialTOTP}}) {
			if err != nil {
				return err
			}
			if _, err := seal.KeyOf(c.Sealed); err != nil || bytes.Contains(c.Sealed, seed[:20]) || c.Verifier != "" {
				t.Errorf("the seed is not sealed: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		f.enrol(alice)
	}
	for what, id := range map[string]directory.UserID{
		"a sixth authenticator": alice.ID,
		"one of a program":      f.create(directory.User{Kind: directory.ServiceAccount, Username: "reader"}, "secret secret").ID,
	} {
		err := f.tryWrite(directorytest.Operator(), func(w *directory.Writer) error { _, _, err := w.AddTOTP(id, ""); return err })
		if !directory.Is(err, directory.Invalid) {
			t.Errorf("%s: %v, want invalid", what, err)
		}
	}
}
