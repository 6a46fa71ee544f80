package radiusd

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"gatehouse/directory"
	"gatehouse/directory/seal"
)

const (
	classPrefix  = "gh1."
	classMACSize = 16
	classSize    = 8 + classMACSize
)

// classes makes and checks the Class attribute that an Access-Accept carries
// and accounting brings back: the id of the session and a MAC over client,
// user and session. A client can neither make one up nor use another
// client's. It is plain text, because some NAS mangle anything else.
type classes struct {
	keys []*seal.MACKey // the first one makes
}

func newClasses(keys directory.Keys) (*classes, error) {
	ring, err := keys.Ring(seal.Lookup)
	if err != nil {
		return nil, err
	}
	macs, err := ring.MACKeys("class")
	if err != nil {
		return nil, fmt.Errorf("derive the key for Class: %w", err)
	}
	return &classes{keys: macs}, nil
}

// of returns the value of Class for a session.
func (c *classes) of(s *directory.RADIUSSession) string {
	raw := make([]byte, 0, classSize)
	raw = binary.BigEndian.AppendUint64(raw, uint64(s.ID))
	raw = append(raw, c.keys[0].Sum(classParts(s)...)[:classMACSize]...)
	return classPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// claim is a Class that was received: it names a session and is yet to be
// checked against that session's row.
type claim struct {
	session int64
	mac     []byte
}

// parseClass reads a value of Class; false: it is not one of ours.
//
// RFC 2865 §5.25: a NAS may send several, made by several servers.
func parseClass(value []byte) (claim, bool) {
	if len(value) < len(classPrefix) || string(value[:len(classPrefix)]) != classPrefix {
		return claim{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(value[len(classPrefix):]))
	if err != nil || len(raw) != classSize {
		return claim{}, false
	}
	return claim{session: int64(binary.BigEndian.Uint64(raw)), mac: raw[8:]}, true
}

// proves reports whether the claim was made for the session s, which belongs
// to the client that was answered then.
func (c *classes) proves(k claim, s *directory.RADIUSSession) bool {
	for _, key := range c.keys {
		if key.Verify(k.mac, classParts(s)...) {
			return true
		}
	}
	return false
}

func classParts(s *directory.RADIUSSession) [][]byte {
	var b [24]byte
	binary.BigEndian.PutUint64(b[0:], uint64(s.Client))
	binary.BigEndian.PutUint64(b[8:], uint64(s.User))
	binary.BigEndian.PutUint64(b[16:], uint64(s.ID))
	return [][]byte{b[0:8], b[8:16], b[16:24]}
}
