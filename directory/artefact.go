package directory

import "time"

// CredentialKind names what proves who somebody is.
type CredentialKind string

// The kinds of credential.
const (
	CredentialPassword        CredentialKind = "password"
	CredentialAppPassword     CredentialKind = "app_password"
	CredentialNetworkPassword CredentialKind = "network_password"
	CredentialSambaPassword   CredentialKind = "samba_password" // opens no door of ours; a Samba server reads its NT hash
	CredentialServicePassword CredentialKind = "service_password"
	CredentialAPIToken        CredentialKind = "api_token"
	CredentialTOTP            CredentialKind = "totp"
	CredentialPasskey         CredentialKind = "passkey"
	CredentialRecoveryCode    CredentialKind = "recovery_code"
	CredentialX509            CredentialKind = "x509"
	CredentialSSHKey          CredentialKind = "ssh_key"
)

// Credential is one row of what a user may prove themselves with.
type Credential struct {
	ID       CredentialID
	User     UserID
	Kind     CredentialKind
	Label    string
	Version  int64    // random, new at each change: cached verifications die with it
	Verifier string   // hash of a password, public key …; empty when Sealed
	Sealed   []byte   // what must be read back (TOTP seed, NT hash)
	Lookup   []byte   // HMAC of a generated secret that people type; nil: none
	Params   []byte   // JSON, per kind
	App      AppID    // 0: not bound to an app
	Protocol Protocol // empty: not bound to a protocol
	Created  time.Time
	LastUsed time.Time
	Expires  time.Time
}

// CredentialQuery selects credentials, ordered by user and id.
type CredentialQuery struct {
	IDs    []CredentialID
	Users  []UserID
	Kinds  []CredentialKind
	Lookup []byte
	Sealed bool // only what has Sealed: the few that are not passwords of people
}

// LoginName is a key by which one user, and nobody else, signs in.
type LoginName struct {
	Key      string
	User     UserID // 0: held after a rename or delete
	Kind     LoginKind
	HeldTill time.Time // of a released name; zero while in use
	HeldFor  string    // uid of the user who had it
}

// LoginKind says where a login name comes from.
type LoginKind string

// The kinds of login name.
const (
	LoginUsername LoginKind = "username"
	LoginEmail    LoginKind = "email"
	LoginHeld     LoginKind = "held"
)

// LoginNameQuery selects login names.
type LoginNameQuery struct {
	Keys []string
	User UserID
}

// EmailRow is an Email as it is stored.
type EmailRow struct {
	User       UserID
	AddressKey string
	Order      int
	Email
}

// EmailQuery selects addresses, ordered by user and order.
type EmailQuery struct {
	Users []UserID
	Keys  []string
}

// Grant is a role or a right that a user holds.
type Grant struct {
	User    UserID
	Right   Right
	Expires time.Time
}

// GrantQuery selects grants, ordered by user and right.
type GrantQuery struct {
	Users []UserID
	Right Right
}

// Activity is when a user was last let in. It is written at most once in five
// minutes and is not part of the user's row: it touches neither Rev nor the feed.
type Activity struct {
	User      UserID
	LastLogin time.Time
}

// ActivityQuery selects activities.
type ActivityQuery struct{ Users []UserID }

// Session is one sign-in of one browser, the only authority for single sign-on.
type Session struct {
	Hash      []byte // SHA-256 of the cookie value
	User      UserID
	Epoch     int64
	AuthTime  time.Time
	Factors   []Factor
	IP        string
	UserAgent string
	Created   time.Time
	LastSeen  time.Time
	IdleUntil time.Time
	Expires   time.Time
	Revoked   time.Time // zero: live
}

// SessionQuery selects sessions, newest first.
type SessionQuery struct {
	Hashes     [][]byte
	User       UserID
	LiveAt     time.Time // zero: all
	DeadBefore time.Time // expired or revoked before
	Limit      int
}

// SessionApp records that an app was entered in a session.
type SessionApp struct {
	Session []byte
	App     AppID
	SID     string // what the app knows the session by (OIDC sid, SAML SessionIndex)
	Created time.Time
}

// SessionAppQuery selects the apps of sessions.
type SessionAppQuery struct {
	Sessions [][]byte
	SID      string
}

// Token is a code, access token, refresh token or the like, stored by its hash.
type Token struct {
	Hash     []byte // SHA-256 of the token value
	Kind     string // "authorization_request", "code", "access", "refresh" …
	Family   string // all that came from one authorization; revoked together
	Session  []byte // hash of the session; nil: none
	App      AppID
	User     UserID // 0: the client itself
	Epoch    int64
	Issuer   string
	Audience []string
	Scope    []string
	Data     []byte // JSON of the daemon that owns the kind
	Created  time.Time
	Expires  time.Time
	Consumed time.Time // zero: unused; a tombstone afterwards
	Revoked  time.Time
}

// TokenQuery selects tokens, oldest first.
type TokenQuery struct {
	Hashes        [][]byte
	Kind          string
	Family        string
	Session       []byte
	User          UserID
	App           AppID
	ExpiredBefore time.Time
	Limit         int
}

// Consent is what a user allowed an app to learn.
type Consent struct {
	User    UserID
	App     AppID
	Scope   []string
	Created time.Time
}

// ConsentQuery selects consents.
type ConsentQuery struct {
	User UserID
	App  AppID
}

// KeyState is the stage of a signing key's life.
type KeyState string

// The states of a signing key: published, signing, published until it expires.
const (
	KeyNext    KeyState = "next"
	KeyActive  KeyState = "active"
	KeyRetired KeyState = "retired"
)

// SigningKey is a key pair that signs tokens or assertions, or the key of a
// certificate authority.
type SigningKey struct {
	KID       string
	Use       string // "oidc", "saml", "ca:server", "ca:device", "tls" …
	Alg       string // "ES256", "RS256" …
	State     KeyState
	Sealed    []byte // PKCS #8 private key, sealed
	Public    []byte // PKIX public key, or the certificate chain (DER, concatenated)
	NotBefore time.Time
	NotAfter  time.Time
}

// SigningKeyQuery selects signing keys, newest first.
type SigningKeyQuery struct {
	KIDs  []string
	Use   string
	State KeyState
}

// ExternalRef is how a SCIM source calls a user or group.
type ExternalRef struct {
	Source string // "scim:hr"
	ID     string
}

// ExternalID binds a source's name for a thing to ours.
type ExternalID struct {
	Source     string
	ExternalID string
	Kind       string // "user" or "group"
	Ref        int64  // UserID or GroupID
}

// ExternalIDQuery selects external ids.
type ExternalIDQuery struct {
	Source      string
	ExternalIDs []string
	Kind        string
	Refs        []int64
}

// SCIMSource is an upstream that pushes users in.
type SCIMSource struct {
	ID      SCIMSourceID
	UID     string
	Name    string
	Tokens  [2][]byte // HMAC of the current and the previous token; nil: none
	Config  []byte    // JSON of schema.SCIMSource
	Source  string
	Rev     int64
	Created time.Time
	Updated time.Time
}

// SCIMSourceQuery selects sources, ordered by name.
type SCIMSourceQuery struct {
	IDs   []SCIMSourceID
	Names []string
	Token []byte // either of the two
}

// Setting is one value of the whole installation.
type Setting struct {
	Name  string
	Value string
	Rev   int64
}

// SettingQuery selects settings, ordered by name.
type SettingQuery struct{ Names []string }

// Failures is what the limiter remembers of a subject between processes.
type Failures struct {
	Key       string // HMAC of account and source, hex
	Bucket    Bucket
	User      UserID
	Source    string    // as the operator reads it; empty for the whole account
	Count     int       // failures that count
	Pending   int       // attempts that are being checked
	Until     time.Time // BucketPair: no attempt before; BucketAccount: end of the day that is counted
	Succeeded time.Time // last success from there; exact to a day
	Updated   time.Time // last failure or attempt
}

// Bucket is what a limiter row counts.
type Bucket string

// The buckets that are stored.
const (
	BucketPair    Bucket = "pair"    // failures on an account from one source
	BucketAccount Bucket = "account" // failures on an account in a day, from everywhere
)

// FailuresQuery selects limiter rows, ordered by key.
type FailuresQuery struct {
	Keys            []string
	User            UserID
	Before          time.Time // not touched since
	SucceededBefore time.Time // no success since, or never
	LimitedAt       time.Time // Until is this or later
}

// Job is background work, claimed with a lease by the daemon that owns the kind.
type Job struct {
	ID          JobID
	Kind        string
	Key         string // at most one open job per key; empty: any number
	Payload     []byte // sealed
	RunAt       time.Time
	Attempts    int
	ReservedFor string // instance that may run it before others; empty: any
	ReservedTil time.Time
	LeaseOwner  string
	LeaseUntil  time.Time
	LastError   string
	Created     time.Time
}

// JobQuery selects jobs, ordered by RunAt.
type JobQuery struct {
	IDs   []JobID
	Kinds []string
	Key   string
	DueAt time.Time // zero: all; else RunAt reached and no lease in force
	Limit int
}
