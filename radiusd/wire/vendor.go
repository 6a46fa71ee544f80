package wire

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Vendor is an IANA private enterprise number.
type Vendor uint32

// The vendors whose attributes Gatehouse reads or writes.
const (
	VendorCisco     Vendor = 9
	VendorMicrosoft Vendor = 311
	VendorFortinet  Vendor = 12356
	VendorWISPr     Vendor = 14122
	VendorAruba     Vendor = 14823
	VendorMikrotik  Vendor = 14988
	VendorRuckus    Vendor = 25053
)

// AddVendor appends one Vendor-Specific attribute that holds one attribute of
// the vendor, in the layout RFC 2865 §5.26 recommends. The value is 1 to 247
// octets long.
func (e *Encoder) AddVendor(vendor Vendor, t byte, value []byte) {
	if e.err == nil && (len(value) == 0 || len(value) > MaxValue-6) {
		e.err = fmt.Errorf("vendor %d attribute %d: value of %d octets", vendor, t, len(value))
		return
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 6+len(value)), uint32(vendor))
	b = append(b, t, byte(2+len(value)))
	e.Add(VendorSpecific, append(b, value...))
}

// VendorAttributes yields type and value of each attribute of vendor, in
// order, from all Vendor-Specific attributes. A Vendor-Specific attribute
// whose inside does not follow the recommended layout ends its own iteration
// at the mistake; RFC 2865 §5.26 allows other layouts, so it is no error.
func (p Packet) VendorAttributes(vendor Vendor) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		for t, v := range p.Attributes() {
			if t != VendorSpecific || len(v) < 4 || Vendor(binary.BigEndian.Uint32(v)) != vendor {
				continue
			}
			for v = v[4:]; len(v) >= 2 && v[1] >= 2 && int(v[1]) <= len(v); v = v[v[1]:] {
				if !yield(v[0], v[2:v[1]:v[1]]) {
					return
				}
			}
		}
	}
}
