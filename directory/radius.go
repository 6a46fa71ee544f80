package directory

import "time"

// RADIUSClient is a NAS: an access point, switch or VPN gateway that asks.
type RADIUSClient struct {
	ID       RADIUSClientID
	UID      string
	Name     string
	Networks []string  // prefixes, longest wins
	Secrets  [2][]byte // sealed; current and next, for rotation
	App      AppID     // 0: the app "network"
	Config   []byte    // JSON of schema.RADIUSClient
	Source   string
	Rev      int64
	Created  time.Time
	Updated  time.Time
}

// RADIUSClientQuery selects RADIUS clients, ordered by name.
type RADIUSClientQuery struct {
	IDs   []RADIUSClientID
	Names []string
	App   AppID
}

// RADIUSSessionState is the stage of a network session.
type RADIUSSessionState string

// The states of a network session.
const (
	RADIUSAccepted      RADIUSSessionState = "accepted" // Access-Accept sent, no accounting yet
	RADIUSStarted       RADIUSSessionState = "started"
	RADIUSEnded         RADIUSSessionState = "ended"          // by a Stop of the same client
	RADIUSPresumedEnded RADIUSSessionState = "presumed-ended" // inferred; still gets a Disconnect
)

// RADIUSSession is one connection of a device through a NAS, created at
// Access-Accept and kept up to date by accounting.
type RADIUSSession struct {
	ID               int64
	Client           RADIUSClientID
	User             UserID
	Username         string
	Epoch            int64
	AcctSessionID    string // empty until accounting names it
	State            RADIUSSessionState
	CallingStationID string
	CalledStationID  string
	NASIP            string
	NASPort          string
	FramedIP         string
	Instance         string // who answered the NAS
	LocalAddr        string // the address that was asked
	InputOctets      int64
	OutputOctets     int64
	SessionTime      int64 // seconds
	TerminateCause   string
	Accepted         time.Time
	Updated          time.Time
	Ended            time.Time
	NASID            string            // NAS-Identifier, as sent
	Peer             string            // the address that the NAS asked from
	Admission        []byte            // JSON of radiusd: how they were let in, to decide it again
	Terms            string            // what the NAS was told to grant, as a digest
	Expires          time.Time         // when the last Session-Timeout that was sent for it is over
	Until            time.Time         // when the clock alone may change the decision; zero: never
	Disconnect       DisconnectOutcome // of the last Disconnect; empty: none since it was alive
}

// RADIUSSessionQuery selects network sessions, newest first: ids rise with the time
// of the Accept. With UntilBefore and EndedBefore it is by that time.
type RADIUSSessionQuery struct {
	IDs           []int64
	Client        RADIUSClientID
	User          UserID
	AcctSessionID string
	Calling       string
	Open          bool      // accepted or started
	LiveAfter     time.Time // open, or presumed to have ended, but not before then
	UntilBefore   time.Time // Until is set and before
	EndedBefore   time.Time
	Limit         int
}

// RADIUSAccounting is one accounting record as it was acknowledged.
type RADIUSAccounting struct {
	ID        int64
	Day       int64 // days since 1970-01-01, for retention
	At        time.Time
	Client    RADIUSClientID
	Session   int64 // 0: no valid Class
	Status    string
	SessionID string // Acct-Session-Id
	Username  string // as sent
	Packet    []byte // the attributes as received
}

// RADIUSAccountingQuery selects accounting records, oldest first.
type RADIUSAccountingQuery struct {
	Client    RADIUSClientID
	BeforeDay int64
	Limit     int
}
