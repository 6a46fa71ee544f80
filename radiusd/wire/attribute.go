package wire

// Type is the attribute type, the first octet of an attribute (RFC 2865 §5).
type Type byte

// RFC 2865 §5.
const (
	UserName             Type = 1   // RFC 2865 §5.1
	UserPassword         Type = 2   // RFC 2865 §5.2
	CHAPPassword         Type = 3   // RFC 2865 §5.3
	NASIPAddress         Type = 4   // RFC 2865 §5.4
	NASPort              Type = 5   // RFC 2865 §5.5
	ServiceType          Type = 6   // RFC 2865 §5.6
	FramedProtocol       Type = 7   // RFC 2865 §5.7
	FramedIPAddress      Type = 8   // RFC 2865 §5.8
	FramedIPNetmask      Type = 9   // RFC 2865 §5.9
	FilterID             Type = 11  // RFC 2865 §5.11
	FramedMTU            Type = 12  // RFC 2865 §5.12
	ReplyMessage         Type = 18  // RFC 2865 §5.18
	State                Type = 24  // RFC 2865 §5.24
	Class                Type = 25  // RFC 2865 §5.25
	VendorSpecific       Type = 26  // RFC 2865 §5.26
	SessionTimeout       Type = 27  // RFC 2865 §5.27
	IdleTimeout          Type = 28  // RFC 2865 §5.28
	TerminationAction    Type = 29  // RFC 2865 §5.29
	CalledStationID      Type = 30  // RFC 2865 §5.30
	CallingStationID     Type = 31  // RFC 2865 §5.31
	NASIdentifier        Type = 32  // RFC 2865 §5.32
	ProxyState           Type = 33  // RFC 2865 §5.33
	CHAPChallenge        Type = 60  // RFC 2865 §5.40
	NASPortType          Type = 61  // RFC 2865 §5.41
	PortLimit            Type = 62  // RFC 2865 §5.42
	AcctStatusType       Type = 40  // RFC 2866 §5.1
	AcctDelayTime        Type = 41  // RFC 2866 §5.2
	AcctInputOctets      Type = 42  // RFC 2866 §5.3
	AcctOutputOctets     Type = 43  // RFC 2866 §5.4
	AcctSessionID        Type = 44  // RFC 2866 §5.5
	AcctAuthentic        Type = 45  // RFC 2866 §5.6
	AcctSessionTime      Type = 46  // RFC 2866 §5.7
	AcctInputPackets     Type = 47  // RFC 2866 §5.8
	AcctOutputPackets    Type = 48  // RFC 2866 §5.9
	AcctTerminateCause   Type = 49  // RFC 2866 §5.10
	AcctMultiSessionID   Type = 50  // RFC 2866 §5.11
	AcctInputGigawords   Type = 52  // RFC 2869 §5.1
	AcctOutputGigawords  Type = 53  // RFC 2869 §5.2
	EventTimestamp       Type = 55  // RFC 2869 §5.3
	TunnelType           Type = 64  // RFC 2868 §3.1
	TunnelMediumType     Type = 65  // RFC 2868 §3.2
	TunnelClientEndpoint Type = 66  // RFC 2868 §3.3
	ConnectInfo          Type = 77  // RFC 2869 §5.11
	EAPMessage           Type = 79  // RFC 3579 §3.1
	MessageAuthenticator Type = 80  // RFC 3579 §3.2
	TunnelPrivateGroupID Type = 81  // RFC 2868 §3.6
	AcctInterimInterval  Type = 85  // RFC 2869 §5.16
	NASPortID            Type = 87  // RFC 2869 §5.17
	ChargeableUserID     Type = 89  // RFC 4372 §2.2
	NASIPv6Address       Type = 95  // RFC 3162 §2.1
	ErrorCause           Type = 101 // RFC 5176 §3.5
)

// Values of Service-Type (RFC 2865 §5.6).
const (
	ServiceLogin         = 1
	ServiceFramed        = 2
	ServiceCallCheck     = 10
	ServiceAuthorizeOnly = 17 // RFC 5176 §3.2
)

// Values of Acct-Status-Type (RFC 2866 §5.1).
const (
	AcctStart         = 1
	AcctStop          = 2
	AcctInterimUpdate = 3
	AcctOn            = 7
	AcctOff           = 8
)

// Values of Error-Cause (RFC 5176 §3.5).
const (
	CauseInvalidEAP  = 202 // Invalid EAP Packet (Ignored)
	CauseUnsupported = 406 // Unsupported Extension
	CauseResources   = 506 // Resources Unavailable
)

// Values of the attributes that place a port into a VLAN (RFC 3580 §3.31).
const (
	TunnelTypeVLAN       = 13
	TunnelMediumIEEE802  = 6
	TerminationRADIUSReq = 1 // Termination-Action RADIUS-Request, RFC 2865 §5.29
)
