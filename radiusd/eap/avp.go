package eap

import (
	"encoding/binary"
	"errors"
)

// avpCode names an attribute of EAP-TTLS: the vendor, 0 for none, and its code
// (RFC 5281 §10.1).
type avpCode struct{ vendor, code uint32 }

const vendorMicrosoft = 311

// The attributes that a device sends and gets.
const (
	avpUserName     = 1  // RFC 2865 §5.1
	avpUserPassword = 2  // RFC 2865 §5.2
	avpEAPMessage   = 79 // RFC 3579 §3.1
	avpMSChallenge  = 11 // RFC 2548 §2.1.2
	avpMS2Response  = 25 // RFC 2548 §2.3.2
	avpMS2Success   = 26 // RFC 2548 §2.3.3
)

const (
	avpHeader    = 8
	avpVendor    = 0x80
	avpMandatory = 0x40
	maxAVPs      = 64
)

var errAVP = errors.New("attributes do not add up")

// avp is one attribute.
type avp struct {
	avpCode
	mandatory bool
	data      []byte
}

// parseAVPs decodes attributes one after the other.
func parseAVPs(b []byte) (list []avp, err error) {
	for len(b) > 0 {
		if len(b) < avpHeader || len(list) == maxAVPs {
			return nil, errAVP
		}
		a := avp{avpCode: avpCode{code: binary.BigEndian.Uint32(b)}, mandatory: b[4]&avpMandatory != 0}
		head, length := avpHeader, int(b[5])<<16|int(b[6])<<8|int(b[7])
		if b[4]&avpVendor != 0 {
			if head += 4; len(b) < head {
				return nil, errAVP
			}
			a.vendor = binary.BigEndian.Uint32(b[avpHeader:])
		}
		if length < head || length > len(b) {
			return nil, errAVP
		}
		a.data = b[head:length:length]
		list = append(list, a)
		// RFC 5281 §10.2: padded to four octets, which the length does not count;
		// a last one without its padding is let pass.
		b = b[min((length+3)&^3, len(b)):]
	}
	return list, nil
}

// appendAVP encodes one attribute, padded.
func appendAVP(b []byte, c avpCode, data []byte) []byte {
	head, flags := avpHeader, byte(avpMandatory)
	if c.vendor != 0 {
		head, flags = avpHeader+4, avpMandatory|avpVendor
	}
	length := head + len(data)
	b = binary.BigEndian.AppendUint32(b, c.code)
	b = append(b, flags, byte(length>>16), byte(length>>8), byte(length))
	if c.vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, c.vendor)
	}
	b = append(b, data...)
	for range -length & 3 {
		b = append(b, 0)
	}
	return b
}

// said is what a device said inside EAP-TTLS.
type said map[avpCode][]byte

// readAVPs collects attributes. EAP-Messages are one message in pieces; anything
// else is there once.
func readAVPs(b []byte) (said, error) {
	list, err := parseAVPs(b)
	if err != nil {
		return nil, err
	}
	out := said{}
	for _, a := range list {
		switch a.avpCode {
		case avpCode{code: avpEAPMessage}:
			out[a.avpCode] = append(out[a.avpCode], a.data...)
			continue
		case avpCode{code: avpUserName}, avpCode{code: avpUserPassword},
			avpCode{vendorMicrosoft, avpMSChallenge}, avpCode{vendorMicrosoft, avpMS2Response}:
		default:
			if a.mandatory {
				// RFC 5281 §10.1: one that is not understood ends the negotiation.
				return nil, errors.New("an attribute that is mandatory and not known")
			}
			continue
		}
		if _, twice := out[a.avpCode]; twice {
			return nil, errAVP
		}
		out[a.avpCode] = a.data
	}
	return out, nil
}
