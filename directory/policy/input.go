package policy

import (
	"net/netip"
	"time"
)

// Input is what a rule is evaluated on. It is not changed.
type Input struct {
	User    User
	Request Request
	Geo     Geo
	Session Session
}

// User is the person. Only what a rule reads is asked for.
type User struct {
	Username  string
	Created   time.Time
	LastLogin time.Time // zero: absent
	Person    Person
}

// Person is the part of a user that is costly to lay out for every evaluation.
type Person interface {
	Groups() []string              // names of all groups, nested ones included
	InGroup(key string) bool       // by Vocabulary.GroupKey of a name
	Attribute(key string) []string // empty: absent
	Factors() []string             // enrolled
}

// Request is how they come. A zero field is absent.
type Request struct {
	IP          netip.Addr // of the person's device
	Peer        netip.Addr // who connected
	Protocol    string
	App         string
	Time        time.Time
	UserAgent   *string
	Method      string
	SSID        string
	MAC         string
	PortType    string
	NAS         *NAS
	Certificate *Certificate
}

// NAS is the access point, switch or gateway that asks.
type NAS struct {
	Name string
	IP   netip.Addr
}

// Certificate is one that the client has proved to hold and that was verified.
type Certificate struct {
	Serial  string // hexadecimal
	Subject string // the identity in it
	Label   string // of the device it was made for
}

// Geo is where Request.IP is. A zero field is absent; Why says why they are.
type Geo struct {
	Country string // ISO 3166-1 alpha-2
	City    string
	ASN     uint
	Why     string
}

// Session is what was proved, when, and on which device.
type Session struct {
	AuthTime    time.Time // zero: absent
	Factors     []string
	Counted     []string // what has_factor finds: Factors, and those that they stand for
	DeviceKnown bool
}
