package radiusd

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/name"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// replyRule is a row of a client's replies, ready for use.
type replyRule struct {
	everybody bool
	group     string // name key
	vlan      string
	filter    string
	session   time.Duration // 0: the client's
	interim   time.Duration // of Acct-Interim-Interval; 0: not asked for
	extra     []attribute
	digest    string // of all that it says
	broken    error  // why the row cannot be applied: whom it matches is rejected
}

// attribute is one further attribute of a reply.
type attribute struct {
	vendor wire.Vendor // 0: none
	typ    byte
	value  []byte
}

// newReplyRule prepares a row. What is wrong with it is kept in broken.
func newReplyRule(row schema.Reply) replyRule {
	r := replyRule{
		everybody: row.Group == "", vlan: row.VLAN, filter: row.FilterID,
		session: time.Duration(row.SessionTimeout) * time.Second, digest: digestOf(row),
	}
	if !r.everybody {
		key, err := name.Group(row.Group)
		if err != nil {
			// Nobody knows whom it was meant for.
			r.everybody, r.broken = true, fmt.Errorf("group %q: %w", row.Group, err)
			return r
		}
		r.group = key
	}
	for _, label := range slices.Sorted(maps.Keys(row.Attributes)) {
		def, known := lookupDefinition(label)
		if !known {
			r.broken = fmt.Errorf("attribute %q is not known", label)
			return r
		}
		for _, text := range row.Attributes[label] {
			value, err := def.encode(text)
			if err != nil {
				r.broken = fmt.Errorf("attribute %s: %w", label, err)
				return r
			}
			r.extra = append(r.extra, attribute{def.vendor, def.typ, value})
			if def.vendor == 0 && wire.Type(def.typ) == wire.AcctInterimInterval {
				r.interim = time.Duration(binary.BigEndian.Uint32(value)) * time.Second
			}
		}
	}
	return r
}

// matches reports whether the row is for a member of these groups.
func (r *replyRule) matches(groups []directory.Group) bool {
	return r.everybody || slices.ContainsFunc(groups, func(g directory.Group) bool { return g.NameKey == r.group })
}

// replySize is enough for most answers.
const replySize = 192

// acceptPacket builds the Access-Accept of the session that class names,
// with what the method adds. An error means that a reply row that matches cannot be applied.
func acceptPacket(r *request, dec *directory.Decision, class string, also func(*wire.Encoder)) ([]byte, error) {
	e := wire.NewReply(make([]byte, 0, replySize), wire.AccessAccept, r.packet, true)
	// RFC 2865 §5.1: the User-Name of an Accept is the one accounting uses.
	e.AddString(wire.UserName, dec.User.Username)
	e.AddString(wire.Class, class)
	rule, session := r.client.grant(dec, r.received)
	if rule != nil {
		if rule.broken != nil {
			return nil, rule.broken
		}
		rule.add(e)
	}
	e.AddUint32(wire.SessionTimeout, uint32(session/time.Second))
	if also != nil {
		also(e)
	}
	echoProxyState(e, r.packet)
	return e.Finish(r.key)
}

// add appends what the row says.
func (r *replyRule) add(e *wire.Encoder) {
	if r.vlan != "" {
		e.AddVLAN(r.vlan)
	}
	if r.filter != "" {
		e.AddString(wire.FilterID, r.filter)
	}
	for _, a := range r.extra {
		if a.vendor != 0 {
			e.AddVendor(a.vendor, a.typ, a.value)
		} else {
			e.Add(wire.Type(a.typ), a.value)
		}
	}
}

// encode turns the text of a configuration into the octets of a value.
func (d definition) encode(s string) ([]byte, error) {
	switch d.kind {
	case kindText:
		return []byte(s), nil
	case kindInteger:
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number of 32 bits", s)
		}
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	case kindIPv4:
		a, err := netip.ParseAddr(s)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("%q is not an IPv4 address", s)
		}
		return a.AsSlice(), nil
	}
	return nil, fmt.Errorf("no such kind of value: %d", d.kind)
}
