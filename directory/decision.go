package directory

import (
	"net/netip"
	"time"
)

// Outcome is what a Decision says.
type Outcome string

// The outcomes.
const (
	Allow     Outcome = "allow"
	Deny      Outcome = "deny"
	Challenge Outcome = "challenge"
)

// Reason says why a Decision is what it is. The list is closed.
type Reason string

// The reasons.
const (
	ReasonOK                      Reason = "ok"
	ReasonUnknownUser             Reason = "unknown_user"
	ReasonWrongPassword           Reason = "wrong_password"
	ReasonDisabled                Reason = "disabled"
	ReasonExpired                 Reason = "expired"
	ReasonLockedDown              Reason = "locked_down"
	ReasonThrottled               Reason = "throttled"
	ReasonNotBound                Reason = "not_bound"
	ReasonExcluded                Reason = "excluded"
	ReasonPolicy                  Reason = "policy"
	ReasonFactorRequired          Reason = "factor_required"
	ReasonFactorWrong             Reason = "factor_wrong"
	ReasonCredentialScope         Reason = "credential_scope"
	ReasonCredentialExpired       Reason = "credential_expired"
	ReasonPasswordChangeRequired  Reason = "password_change_required"
	ReasonMethodNotAllowed        Reason = "method_not_allowed"
	ReasonCertificateInvalid      Reason = "certificate_invalid"
	ReasonConfidentialityRequired Reason = "confidentiality_required"
)

// Factor is a way in which somebody proved who they are.
type Factor string

// The factors.
const (
	FactorPassword     Factor = "password"
	FactorAppPassword  Factor = "app_password"
	FactorTOTP         Factor = "totp"
	FactorPasskey      Factor = "passkey"
	FactorRecoveryCode Factor = "recovery_code"
	FactorEmailCode    Factor = "email_code"
	FactorCertificate  Factor = "certificate"
	FactorPeer         Factor = "peer"
)

// Proof is what somebody shows to be believed. The implementations are a closed
// set; later protocols add to it.
type Proof interface{ proof() }

// PasswordProof is a password in clear, as typed.
type PasswordProof struct{ Password Secret }

func (PasswordProof) proof() {}

// Attempt is one try to get in at a door.
type Attempt struct {
	Name      string     // as typed; a username or a verified primary address
	User      UserID     // instead of Name, when the door has already found whom it names (an LDAP DN by entryUUID)
	Kind      UserKind   // empty: Person; ServiceAccount where the door names one (ou=services)
	Proof     Proof      // what is shown
	App       string     // slug of the app that decides; empty: only the user's own status does (portal)
	Protocol  Protocol   // the door
	Received  time.Time  // when it arrived; zero: now. Denials leave at the next tick from here
	Peer      netip.Addr // who connected
	Client    netip.Addr // the person's device; invalid: unknown
	Unhurried bool       // the caller answers at Decision.LeaveAt by itself
	Relay     bool       // Peer speaks for many people (a NAS, a connection bound as a service account)
	Device    string     // Calling-Station-Id or a known-device id; empty: none
	NAS       RADIUSClientID
	Context   map[string]string // request details for policies and the audit: "ssid", "user_agent" …
}

// Check is one step of a decision, in order, for "why?".
type Check struct {
	Name    string // "status", "password", "binding staff" …
	Outcome string // "pass", "fail", "skip"
	Detail  string
}

// Decision is what the core answers to an Attempt. It is not an error: a
// decision was made. The maps and slices of User, Groups and App are shared with
// other decisions and must not be changed.
type Decision struct {
	Outcome    Outcome
	Reason     Reason
	User       User     // the zero User unless the proof was right
	Groups     []Group  // all groups of User in force now, nested ones included; only with Allow
	Rights     []Right  // of User; only with Allow
	App        App      // the zero App when Attempt.App was empty
	Factors    []Factor // what was proved
	Credential CredentialID
	Message    string        // what the person may read beyond "no"; only after a right proof
	RetryAfter time.Duration // with ReasonThrottled
	Seq        Seq           // the feed position that it was decided at, or later
	Trace      []Check
	LeaveAt    time.Time // a denial must not be answered before; zero: at once
}

// Allowed reports whether the outcome is Allow.
func (d *Decision) Allowed() bool { return d.Outcome == Allow }

// Actor returns the actor that an allowed attempt turns into.
func (d *Decision) Actor(via string) Actor {
	kind := ActorPerson
	if d.User.Kind == ServiceAccount {
		kind = ActorService
	}
	return Actor{Kind: kind, User: d.User.ID, Name: d.User.Username, Rights: d.Rights, Via: via}
}
