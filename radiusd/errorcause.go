package radiusd

import (
	"strconv"

	"gatehouse/radiusd/wire"
)

// Values of Error-Cause (RFC 5176 §3.5) that decide what happens next.
const (
	causeUnsupportedAttribute = 401
	causeMissingAttribute     = 402
	causeNASMismatch          = 403
	causeInvalidRequest       = 404
	causeInvalidValue         = 407
	causeNotRoutable          = 502
	causeContextNotFound      = 503
	causeProxyError           = 505
	causeResources            = 506
	causeMultipleSelection    = 508
)

// errorCause returns the Error-Cause of an answer, 0 when it has none.
func errorCause(p wire.Packet) uint32 {
	n, _ := p.Uint32(wire.ErrorCause)
	return n
}

// passing reports whether a refusal for this cause may end by itself.
func passing(cause uint32) bool {
	return cause == causeNotRoutable || cause == causeProxyError || cause == causeResources
}

// causeName names an Error-Cause as RFC 5176 §3.5 does, after its number.
func causeName(cause uint32) string {
	n := strconv.FormatUint(uint64(cause), 10)
	switch cause {
	case causeUnsupportedAttribute:
		return n + " Unsupported Attribute"
	case causeMissingAttribute:
		return n + " Missing Attribute"
	case causeNASMismatch:
		return n + " NAS Identification Mismatch"
	case causeInvalidRequest:
		return n + " Invalid Request"
	case 405:
		return n + " Unsupported Service"
	case 406:
		return n + " Unsupported Extension"
	case causeInvalidValue:
		return n + " Invalid Attribute Value"
	case 501:
		return n + " Administratively Prohibited"
	case causeNotRoutable:
		return n + " Request Not Routable (Proxy)"
	case causeContextNotFound:
		return n + " Session Context Not Found"
	case 504:
		return n + " Session Context Not Removable"
	case causeProxyError:
		return n + " Other Proxy Processing Error"
	case causeResources:
		return n + " Resources Unavailable"
	case 507:
		return n + " Request Initiated"
	case causeMultipleSelection:
		return n + " Multiple Session Selection Unsupported"
	}
	return n
}
