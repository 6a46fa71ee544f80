package directory_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/directory"
)

// answer continues a conversation with a code.
func (f *fixture) answer(name, code string, asked directory.Decision, edit ...func(*directory.Attempt)) directory.Decision {
	f.t.Helper()
	return f.attempt(name, "", append(edit, func(a *directory.Attempt) {
		a.Proof = directory.CodeProof{Code: directory.Secret(code)}
		a.User, a.Epoch, a.Proved = asked.User.ID, asked.User.Epoch, asked.Factors
		a.Resumed = directory.Resumed{Credential: asked.Credential, Version: asked.Version}
	})...)
}

func (f *fixture) recoveryCodes(u directory.User) []directory.Secret {
	f.t.Helper()
	var codes []directory.Secret
	f.write(func(w *directory.Writer) (err error) {
		codes, err = w.AddRecoveryCodes(u.ID)
		return err
	})
	return codes
}

// ask is a right or wrong password at a door that can ask for a code.
func (f *fixture) ask(name, password string, edit ...func(*directory.Attempt)) directory.Decision {
	f.t.Helper()
	d := f.attempt(name, password, append(edit, at("bank"), asking, from(directory.ProtocolWeb))...)
	if d.Outcome != directory.Challenge {
		f.t.Fatalf("%s: %s %s, want a challenge; %v", name, d.Outcome, d.Reason, d.Trace)
	}
	return d
}

func (f *fixture) answerAtBank(name, code string, asked directory.Decision) directory.Decision {
	f.t.Helper()
	return f.answer(name, code, asked, at("bank"), asking, from(directory.ProtocolWeb))
}

func TestChallenge(t *testing.T) {
	f := open(t)
	f.bank()
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	codes := f.recoveryCodes(alice)
	d := f.ask("alice", "correct horse")
	f.want(f.answerAtBank("alice", f.wrongCode(g), d), directory.ReasonFactorWrong)
	code := f.code(g)
	done := f.answerAtBank("alice", code[:3]+" "+code[3:], d)
	f.want(done, directory.ReasonOK)
	if want := []directory.Factor{directory.FactorPassword, directory.FactorTOTP}; !cmp.Equal(done.Factors, want) {
		t.Errorf("factors %v, want %v", done.Factors, want)
	}
	f.want(f.answerAtBank("alice", code, d), directory.ReasonFactorWrong) // once
	recovered := f.answerAtBank("alice", " "+codes[3].Reveal(), d)
	f.want(recovered, directory.ReasonOK)
	if want := []directory.Factor{directory.FactorPassword, directory.FactorRecoveryCode}; !cmp.Equal(recovered.Factors, want) {
		t.Errorf("factors %v, want %v", recovered.Factors, want)
	}
	f.want(f.answerAtBank("alice", codes[3].Reveal(), d), directory.ReasonFactorWrong) // once
	f.want(f.attempt("alice", "correct horse"+codes[4].Reveal(), at("bank")), directory.ReasonWrongPassword)
	f.want(f.answerAtBank("alice", "", d), directory.ReasonFactorWrong)
}

// TestAChallengeTellsNothing: a door asks for the code whether or not the
// password was right, and what follows a wrong one opens nothing.
func TestAChallengeTellsNothing(t *testing.T) {
	f := open(t)
	f.bank()
	alice := f.user("alice", "correct horse")
	g := f.enrol(alice)
	f.user("bob", "correct horse") // not enrolled
	left := f.user("carol", "correct horse")
	f.enrol(left)
	f.write(func(w *directory.Writer) error { _, err := w.DisableUser(left.ID, "left"); return err })
	f.clock.Advance(time.Hour)
	shown := func(d directory.Decision) []any {
		return []any{d.Outcome, d.Challenge, d.Message, d.RetryAfter, d.LeaveAt.Sub(f.clock.Now()), d.App.Slug}
	}
	right := f.ask("alice", "correct horse")
	want := shown(right)
	if right.User.ID != alice.ID {
		t.Fatal("the challenge after a right password does not say whose")
	}
	for _, tt := range []struct {
		name, password string
		reason         directory.Reason
	}{
		{"ALICE", "wrong", directory.ReasonWrongPassword},
		{"nobody", "correct horse", directory.ReasonUnknownUser},
		{"bob", "correct horse", directory.ReasonFactorRequired},
		{"carol", "correct horse", directory.ReasonDisabled},
	} {
		before := f.SlowHashes()
		d := f.ask(tt.name, tt.password)
		if d.Reason != tt.reason {
			t.Errorf("%s: %s in the audit, want %s", tt.name, d.Reason, tt.reason)
		}
		if n := f.SlowHashes() - before; n != 1 {
			t.Errorf("%s: %d slow hashes, want 1", tt.name, n)
		}
		if diff := cmp.Diff(want, shown(d)); diff != "" {
			t.Errorf("%s looks different: %s", tt.name, diff)
		}
		if d.User.ID != 0 || len(d.Factors) > 0 || d.Credential != 0 {
			t.Errorf("%s: the challenge says whose conversation it is: %v %v", tt.name, d.User.Username, d.Factors)
		}
		if got := f.answerAtBank(tt.name, f.code(g), d); got.Allowed() {
			t.Errorf("%s: a code after a wrong password opens the door", tt.name)
		}
	}
	f.want(f.answerAtBank("alice", f.code(g), right), directory.ReasonOK)
}

// TestAConversationEnds: with what it began with.
func TestAConversationEnds(t *testing.T) {
	f := open(t)
	f.bank()
	alice := f.user("alice", "correct horse")
	bob := f.user("bob", "correct horse")
	g, ofBob := f.enrol(alice), f.enrol(bob)
	d := f.ask("alice", "correct horse")
	f.want(f.answerAtBank("alice", f.code(ofBob), d), directory.ReasonFactorWrong) // somebody else's code
	nothing := d
	nothing.Factors = nil
	f.want(f.answerAtBank("alice", f.code(g), nothing), directory.ReasonFactorWrong) // nothing was proved
	hash, err := f.HashPassword(t.Context(), "another one")
	if err != nil {
		t.Fatal(err)
	}
	f.write(func(w *directory.Writer) error { return w.SetPassword(alice.ID, hash) })
	f.want(f.answerAtBank("alice", f.code(g), d), directory.ReasonFactorWrong) // the password was changed
	d = f.ask("alice", "another one")
	f.write(func(w *directory.Writer) error {
		if _, err := w.DisableUser(alice.ID, "test"); err != nil {
			return err
		}
		_, err := w.EnableUser(alice.ID, false)
		return err
	})
	f.want(f.answerAtBank("alice", f.code(g), d), directory.ReasonFactorWrong) // disabled meanwhile
	d = f.ask("alice", "another one")
	f.want(f.answerAtBank("alice", f.code(g), d), directory.ReasonOK)
}

// TestGuessingCodesIsSlowedDown: at both steps, and by those who know the
// password no less.
func TestGuessingCodesIsSlowedDown(t *testing.T) {
	for name, guess := range map[string]func(f *fixture, code string, asked directory.Decision) directory.Decision{
		"appended": func(f *fixture, code string, _ directory.Decision) directory.Decision {
			return f.attempt("alice", "correct horse;"+code, at("bank"), from(directory.ProtocolWeb))
		},
		"asked for": func(f *fixture, code string, asked directory.Decision) directory.Decision {
			return f.answerAtBank("alice", code, asked)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.bank()
			g := f.enrol(f.user("alice", "correct horse"))
			asked := f.ask("alice", "correct horse")
			for range 15 {
				// The same code, each time in another step: it counts each time.
				code := "000000"
				if _, ok := g.Match(code, f.clock.Advance(30*time.Second)); ok {
					code = "000001"
				}
				if d := guess(f, code, asked); d.Reason == directory.ReasonThrottled {
					return
				}
			}
			t.Error("fifteen guesses, and no delay")
		})
	}
}

// TestPasswordsThatLookLikeACodeAtADoorThatAsks: only what is a code now is taken
// off there.
func TestPasswordsThatLookLikeACodeAtADoorThatAsks(t *testing.T) {
	f := open(t)
	f.bank()
	for name, password := range map[string]string{"alice": "horse;123456", "bob": "horse123456"} {
		u := f.user(name, password)
		g := f.enrol(u)
		if d := f.ask(name, password); d.User.ID != u.ID {
			t.Errorf("%q: the password was not taken: %s", password, d.Reason)
		}
		f.want(f.attempt(name, password+f.code(g), at("bank"), asking, from(directory.ProtocolRADIUS)), directory.ReasonOK)
	}
}
