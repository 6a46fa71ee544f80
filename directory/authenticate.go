package directory

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
)

// Authenticate decides an Attempt: who is it, is the proof right, and may they
// enter. It passes the freshness barrier, and once more after a slow hash. A
// denial or a challenge is returned at its tick (Decision.LeaveAt), or at once
// when the attempt says Unhurried: then the caller must answer at LeaveAt and not
// before. The
// error means that no decision was made, never that somebody was refused.
func (d *Directory) Authenticate(ctx context.Context, a Attempt) (Decision, error) {
	if a.Received.IsZero() {
		a.Received = d.now()
	}
	dec, err := d.authenticate(ctx, &a)
	if err != nil {
		return Decision{}, err
	}
	if hint := a.Hints[dec.Reason]; hint != "" && !dec.Allowed() {
		dec.check("hint", false, hint)
	}
	if err := d.auditor.append(ctx, attemptEvent(&a, &dec, d.now()), d.config.AuditStrict); err != nil {
		return Decision{}, err
	}
	if dec.Allowed() {
		if slices.Contains(dec.Rights, BreakGlass) {
			if err := d.alarm(ctx, &a, &dec); err != nil {
				return Decision{}, err
			}
		}
		d.activity.seen(dec.User.ID, dec.generated(), a.Received)
	} else {
		dec.MSCHAPv2 = nil
		dec.LeaveAt = leaveAt(&a, d.now())
		if !a.Unhurried {
			wait(ctx, dec.LeaveAt.Sub(d.now()))
		}
	}
	return dec, nil
}

func (d *Directory) authenticate(ctx context.Context, a *Attempt) (Decision, error) {
	t := &trial{d: d, attempt: a, account: loginKey(a.Name)}
	switch p := a.Proof.(type) {
	case nil:
		return Decision{}, errors.New("directory: an attempt without a proof")
	case PasswordProof:
		t.what, t.typed, t.password = "password", p.Password, p.Password
	case CodeProof:
		t.what, t.typed, t.code, t.continued = "second factor", p.Code, p.Code.Reveal(), true
	case MSCHAPv2Proof:
		t.what, t.typed = "password", Secret(p.Response[:])
	case CertificateProof:
		if err := t.present(ctx, p); err != nil {
			return Decision{}, err
		}
		return t.about(t.run(ctx))
	case PeerProof:
		t.vouch(p)
		return t.about(t.run(ctx))
	default:
		return Decision{Outcome: Deny, Reason: ReasonMethodNotAllowed}, nil
	}
	// In a conversation the account stays the name: guesses at the code count with
	// those at the password, and where nobody was recognised it is all there is.
	if a.User != 0 && !t.continued {
		t.account = "id " + strconv.FormatInt(int64(a.User), 10)
	}
	if err := d.findDevice(ctx, a); err != nil {
		return Decision{}, err
	}
	return t.about(t.run(ctx))
}

// about says in the audit whom a decision is about, a denial too.
func (t *trial) about(dec Decision, err error) (Decision, error) {
	if about := cmp.Or(t.person, t.owner); about != nil {
		dec.about = &about.user
	}
	return dec, err
}

// findDevice forgets the address of an attempt that comes from a server of its
// app: it is not the person's, and who guesses behind it must not lock out the others.
func (d *Directory) findDevice(ctx context.Context, a *Attempt) error {
	if a.Protocol != ProtocolLDAP || a.App == "" {
		return nil
	}
	acc, err := d.accessOf(ctx, a.App)
	if err == nil && acc != nil && acc.isFrontEnd(a.Peer) {
		a.Client, a.Relay = netip.Addr{}, true
	}
	return err
}

// trial is one attempt on its way through the steps.
type trial struct {
	d         *Directory
	attempt   *Attempt
	what      string // is proved, for the trace
	typed     Secret // or what else was shown, by which failures are told apart
	password  Secret // without the code behind it
	code      string // a one-time code that came along; empty: none
	factor    codeMatch
	account   string     // the login key, or what stands for it
	guess     *guess     // what the limiter knows of it
	person    *principal // nil: nobody is called so
	used      Credential // that matched
	needed    bool       // a code is required
	exposed   bool       // because the account is guessed at
	byRule    bool       // because of a policy
	continued bool       // the password was proved before
	complete  bool       // everything that is asked for was proved
	slow      bool       // a slow hash was computed
	waited    bool       // for the account's or the source's turn
	dec       Decision

	certificate Certificate // that was shown, when it counts
	unfit       string      // why it does not
	owner       *principal  // whose it was, when it does not count any more
	amiss       string      // why a proof of another kind is not right, where that says what to do
}

func (t *trial) run(ctx context.Context) (Decision, error) {
	if err := t.refresh(ctx); err != nil {
		return Decision{}, err
	}
	throttled, err := t.limited(ctx)
	if err != nil || throttled {
		return t.dec, err
	}
	defer t.guess.returned()
	right, err := t.proved(ctx)
	if err != nil || t.dec.Reason == ReasonThrottled {
		return t.dec, err
	}
	if t.waited {
		// A disable may have landed while the attempt waited or the hash was computed.
		if err := t.refresh(ctx); err != nil {
			return Decision{}, err
		}
		right = right && t.stillThere()
	}
	err = t.conclude(ctx, right)
	return t.dec, err
}

// refresh passes the barrier and looks the user up, or up again.
func (t *trial) refresh(ctx context.Context) error {
	head, err := t.d.Barrier(ctx)
	if err != nil {
		return err
	}
	t.dec.Seq = head.Seq
	if t.attempt.User != 0 {
		t.person, err = t.d.principalByID(ctx, t.attempt.User)
	} else {
		t.person, err = t.d.principalByLogin(ctx, t.account)
	}
	if err != nil {
		return err
	}
	if t.person != nil && t.person.user.Kind != t.kind() {
		t.person = nil // the wrong door for this kind of user is no door
	}
	return nil
}

func (t *trial) kind() UserKind {
	if t.attempt.Kind == "" {
		return Person
	}
	return t.attempt.Kind
}

// proved reports whether what was shown is right, and sets used.
func (t *trial) proved(ctx context.Context) (bool, error) {
	switch p := t.attempt.Proof.(type) {
	case MSCHAPv2Proof:
		return t.mschapv2(p)
	case CertificateProof:
		return t.certified(), nil
	case CodeProof:
		return t.proveCode(ctx)
	case PeerProof:
		return t.vouched(), nil
	default:
		return t.provePassword(ctx)
	}
}

// stillThere reports whether the credential that matched is unchanged after the
// second barrier.
func (t *trial) stillThere() bool {
	return t.person != nil && slices.ContainsFunc(t.person.credentials, func(c Credential) bool {
		return c.ID == t.used.ID && c.Version == t.used.Version
	})
}

// conclude turns the result into the decision and tells the limiter.
func (t *trial) conclude(ctx context.Context, right bool) error {
	if err := t.decide(ctx, right); err != nil {
		return err
	}
	if t.complete {
		t.guess.succeeded(t.hashed())
		return nil
	}
	// Before the password and the code were right nobody learns more than "no".
	t.dec.Message = ""
	t.guess.failed(t.counted(), !t.needed)
	// Of the account for emergencies nobody learns before the password was right
	// that it asks for more.
	asks := t.needed || right && t.person.breakGlass(t.d.now())
	if asks && t.attempt.Challenge && !t.continued {
		return t.challenge(ctx, right)
	}
	return nil
}

// decide says what follows from the proof, and whether it was complete.
func (t *trial) decide(ctx context.Context, right bool) error {
	t.dec.Outcome = Deny
	if !right || t.person == nil {
		t.dec.Reason = t.wrong()
		t.dec.check(t.what, false, t.unfit+t.amiss)
		return nil
	}
	t.dec.check(t.what, true, string(t.used.Kind))
	t.dec.Credential, t.dec.Version = t.used.ID, t.used.Version
	if t.continued {
		// What the access goes back to: a recovery code is gone once it is used.
		t.dec.Credential, t.dec.Version = t.attempt.Resumed.Credential, t.attempt.Resumed.Version
	}
	reason, err := t.scope(ctx)
	if err != nil {
		return err
	}
	t.complete = !t.needed || t.factor.ok()
	if reason != ReasonOK {
		t.dec.Reason = reason
		return nil
	}
	t.dec.Factors = t.factors()
	if reason := t.d.byCertificateAlone(t.person, t.attempt.Protocol, t.dec.Factors, &t.dec); reason != ReasonOK {
		t.dec.Reason, t.dec.Factors = reason, nil
		return nil
	}
	if t.exposed && !t.complete && t.used.Kind == CredentialPassword {
		t.dec.Reason = ReasonFactorRequired
		t.dec.check("limiter", false, "too many failures on this account today: a password alone opens the web and known devices")
		t.lacksCode()
		return nil
	}
	if err := t.d.admit(ctx, &t.dec, t.person, t.admission()); err != nil {
		return err
	}
	switch {
	case t.dec.Allowed() && t.factor.ok():
		return t.spend(ctx)
	case t.dec.Allowed():
		t.complete = true
	case !t.complete:
		t.lacksCode()
	}
	return nil
}

// wrong is why a proof was not accepted.
func (t *trial) wrong() Reason {
	switch {
	case t.unfit != "":
		return ReasonCertificateInvalid
	case t.person == nil:
		return ReasonUnknownUser
	case t.continued:
		return ReasonFactorWrong
	default:
		return ReasonWrongPassword
	}
}

// factors is what has been proved, this attempt included.
func (t *trial) factors() []Factor {
	proved := slices.Clone(t.attempt.Proved)
	if !t.continued {
		proved = []Factor{factorOf(t.used.Kind)}
	}
	if t.factor.ok() {
		proved = append(proved, t.factor.factor)
	}
	return proved
}

func (t *trial) admission() admission {
	to := t.attempt.admission(t.d.now())
	to.deviceKnown = to.deviceKnown || t.guess.knownSource()
	return to
}

// counted is what the limiter counts once however often it is repeated. A code
// that is wrong now may be right in another half minute, so it counts again then.
func (t *trial) counted() Secret {
	if t.code == "" {
		return t.typed
	}
	return t.typed + Secret("\x00"+strconv.FormatInt(t.d.now().Unix()/guessCodeAgain, 10))
}

// guessCodeAgain is the shortest period of a TOTP generator, in seconds.
const guessCodeAgain = 15
