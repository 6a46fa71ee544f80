package directory

import (
	"crypto/x509"
	"net/netip"
	"slices"
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

// PasswordProof is a password in clear, as typed, with a code behind it where a
// second factor is required (AppendedCode).
type PasswordProof struct{ Password Secret }

// CodeProof is a second factor alone, a TOTP or a recovery code, after
// Attempt.Proved was shown earlier in the same conversation.
type CodeProof struct{ Code Secret }

// MSCHAPv2Proof is the response of a client that knows a network password
// (RFC 2759 §4). It opens nothing but RADIUS.
type MSCHAPv2Proof struct {
	AuthenticatorChallenge [16]byte
	PeerChallenge          [16]byte
	Response               [24]byte
	UserName               string // as the client hashed it, without a domain
}

// CertificateProof is the chain of a client whose TLS handshake has proved that
// it holds the key, leaf first. Nothing else about it was checked.
type CertificateProof struct{ Chain []*x509.Certificate }

// PeerProof is the user of a local process, as the kernel says (ldapi).
type PeerProof struct{ UID uint32 }

func (PasswordProof) proof()    {}
func (CodeProof) proof()        {}
func (MSCHAPv2Proof) proof()    {}
func (CertificateProof) proof() {}
func (PeerProof) proof()        {}

// Attempt is one try to get in at a door.
type Attempt struct {
	Name        string     // as typed; a username or a verified primary address
	User        UserID     // instead of Name, when the door has already found whom it names (an LDAP DN by entryUUID)
	Kind        UserKind   // empty: Person; ServiceAccount where the door names one (ou=services)
	Proof       Proof      // what is shown
	App         string     // slug of the app that decides; empty: only the user's own status does (portal)
	Protocol    Protocol   // the door
	Received    time.Time  // when it arrived; zero: now. Denials leave at the next tick from here
	Peer        netip.Addr // who connected
	Client      netip.Addr // the person's device; invalid: unknown
	Unhurried   bool       // the caller answers at Decision.LeaveAt by itself
	Challenge   bool       // the door can ask for a second factor and come back with a CodeProof
	NetworkOnly bool       // sign-in passwords do not count here, only what was made for a device
	Relay       bool       // Peer speaks for many people (a NAS, a connection bound as a service account)
	Device      string     // Calling-Station-Id or a known-device id; empty: none
	NAS         RADIUSClientID
	MayChange   bool              // the door lets in who must change the password, for that alone (Decision.MustChange)
	Context     map[string]string // request details for policies and the audit: the Context… keys
	DeviceKnown bool              // the person was let in with this device before
	Hints       map[Reason]string // what the door suspects when the denial has that reason: for the trace, never for the answer

	// With CodeProof: what the Challenge said, or the session that steps up. Name,
	// App and door are the same as before. User is 0 and Proved empty when it said
	// nothing: the answer is then a denial like any other.
	Proved  []Factor
	Epoch   int64   // of User when it was proved
	Resumed Resumed // what proved it; zero: unknown
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
	User       User          // the zero User unless the outcome is Allow, or Challenge after a right password
	Groups     []Group       // all groups of User in force now, nested ones included; only with Allow
	Rights     []Right       // of User; only with Allow
	App        App           // the zero App when Attempt.App was empty
	Factors    []Factor      // what was proved
	Challenge  []Factor      // with Outcome Challenge: any of these completes it, if User is set; the door must not let that be seen
	MSCHAPv2   *MSCHAPv2Keys // of an allowed MSCHAPv2Proof
	Credential CredentialID  // that matched; 0: none of the credentials table
	MustChange bool          // the password opens nothing until it is changed; Allow only with Attempt.MayChange
	Message    string        // what the person may read beyond "no"; only after a right proof
	RetryAfter time.Duration // with ReasonThrottled: what the person may be told to wait; 0: nothing may be told
	Seq        Seq           // the feed position that it was decided at, or later
	Trace      []Check
	Until      time.Time // of an allow: when the clock alone may change it (a membership, role, account or credential begins or ends); zero: never
	LeaveAt    time.Time // a denial or challenge must not be answered before; zero: at once

	Version     int64                // of Credential
	Certificate string               // serial of the certificate that was shown, when it counted
	Imported    *ImportedCertificate // instead, when it was of an imported CA

	about *User // whom it is about, also when it is a denial, for the audit; nil: nobody is known
}

// MSCHAPv2Keys is what the client of an allowed MSCHAPv2Proof expects.
type MSCHAPv2Keys struct {
	AuthenticatorResponse string   // "S=…" (RFC 2759 §5)
	RecvKey, SendKey      [16]byte // MPPE master keys, as the server names them (RFC 3079 §3.3)
}

// Allowed reports whether the outcome is Allow.
func (d *Decision) Allowed() bool { return d.Outcome == Allow }

// Actor returns the actor that an allowed attempt turns into.
func (d *Decision) Actor(via string) Actor {
	kind := ActorPerson
	if d.User.Kind == ServiceAccount {
		kind = ActorService
	}
	return Actor{
		Kind: kind, User: d.User.ID, Name: d.User.Username, Rights: d.Rights, Via: via,
		ReadOnly: slices.Contains(d.Factors, FactorAppPassword),
	}
}
