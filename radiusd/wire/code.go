package wire

import "strconv"

// Code is the packet type, the first octet of a packet (RFC 2865 §3).
type Code byte

// The codes Gatehouse sends or answers.
const (
	AccessRequest      Code = 1  // RFC 2865 §4.1
	AccessAccept       Code = 2  // RFC 2865 §4.2
	AccessReject       Code = 3  // RFC 2865 §4.3
	AccountingRequest  Code = 4  // RFC 2866 §4.1
	AccountingResponse Code = 5  // RFC 2866 §4.2
	AccessChallenge    Code = 11 // RFC 2865 §4.4
	StatusServer       Code = 12 // RFC 5997 §2
	DisconnectRequest  Code = 40 // RFC 5176 §2.1
	DisconnectACK      Code = 41 // RFC 5176 §2.1
	DisconnectNAK      Code = 42 // RFC 5176 §2.1
	CoARequest         Code = 43 // RFC 5176 §2.2
	CoAACK             Code = 44 // RFC 5176 §2.2
	CoANAK             Code = 45 // RFC 5176 §2.2
	ProtocolError      Code = 52 // RFC 7930 §4
)

// String returns the name of the RFC that defines c, or "Code-n".
func (c Code) String() string {
	switch c {
	case AccessRequest:
		return "Access-Request"
	case AccessAccept:
		return "Access-Accept"
	case AccessReject:
		return "Access-Reject"
	case AccountingRequest:
		return "Accounting-Request"
	case AccountingResponse:
		return "Accounting-Response"
	case AccessChallenge:
		return "Access-Challenge"
	case StatusServer:
		return "Status-Server"
	case DisconnectRequest:
		return "Disconnect-Request"
	case DisconnectACK:
		return "Disconnect-ACK"
	case DisconnectNAK:
		return "Disconnect-NAK"
	case CoARequest:
		return "CoA-Request"
	case CoAACK:
		return "CoA-ACK"
	case CoANAK:
		return "CoA-NAK"
	case ProtocolError:
		return "Protocol-Error"
	}
	return "Code-" + strconv.Itoa(int(c))
}

// Request reports whether c is none of the codes above that answer something.
func (c Code) Request() bool {
	switch c {
	case AccessAccept, AccessReject, AccountingResponse, AccessChallenge, DisconnectACK, DisconnectNAK, CoAACK, CoANAK, ProtocolError:
		return false
	default:
		return true
	}
}

// Answers reports whether c is an ACK or NAK to a Disconnect-Request or
// CoA-Request.
func (c Code) Answers(request Code) bool {
	switch request {
	case DisconnectRequest:
		return c == DisconnectACK || c == DisconnectNAK
	case CoARequest:
		return c == CoAACK || c == CoANAK
	default:
		return false
	}
}

// hasZeroAuthenticator reports whether a request of this code is
// authenticated over sixteen zero octets instead of a random nonce.
func (c Code) hasZeroAuthenticator() bool {
	return c == AccountingRequest || c == DisconnectRequest || c == CoARequest
}
