package radiusd

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/name"
	"gatehouse/directory/schema"
	"gatehouse/radiusd/wire"
)

// replyRule is a row of a client's replies, ready for use.
type replyRule struct {
	group   string // name key; "": everybody
	user    string // name key; "": everybody
	device  string // Calling-Station-Id as station has it; "": any
	vlan    string
	filter  string
	session time.Duration // 0: the client's
	interim time.Duration // of Acct-Interim-Interval; 0: not asked for
	extra   []attribute
	digest  string // of all that it says
	broken  error  // why the row cannot be applied: whom it matches is rejected
}

// attribute is one further attribute of a reply.
type attribute struct {
	vendor wire.Vendor // 0: none
	typ    byte
	value  []byte
}

// newReplyRule prepares a row. What is wrong with it is kept in broken; a row that
// nobody knows for whom it was meant is for everybody then.
func newReplyRule(row schema.Reply) replyRule {
	r := replyRule{
		vlan: row.VLAN, filter: row.FilterID, session: time.Duration(row.SessionTimeout) * time.Second, digest: digestOf(row),
	}
	var err error
	if r.group, err = key(row.Group, name.Group); err != nil {
		return replyRule{broken: fmt.Errorf("group %q: %w", row.Group, err)}
	}
	anyScript := func(s string) (string, error) { return name.Username(s, true) }
	if r.user, err = key(row.User, anyScript); err != nil {
		return replyRule{broken: fmt.Errorf("user %q: %w", row.User, err)}
	}
	if row.Device != "" {
		var ok bool
		if r.device, ok = schema.MAC(row.Device); !ok {
			return replyRule{broken: fmt.Errorf("device %q is not a MAC address", row.Device)}
		}
	}
	if r.extra, r.broken = attributesOf(row.Attributes); r.broken != nil {
		return r
	}
	for _, a := range r.extra {
		if a.vendor == 0 && wire.Type(a.typ) == wire.AcctInterimInterval {
			r.interim = time.Duration(binary.BigEndian.Uint32(a.value)) * time.Second
		}
	}
	return r
}

// key is the name key of a name, none of none.
func key(s string, of func(string) (string, error)) (string, error) {
	if s == "" {
		return "", nil
	}
	return of(s)
}

// attributesOf encodes what a configuration says, in the order of the names.
func attributesOf(texts map[string][]string) ([]attribute, error) {
	var out []attribute
	for _, label := range slices.Sorted(maps.Keys(texts)) {
		def, err := schema.FindRADIUSAttribute(label)
		if err != nil {
			return nil, fmt.Errorf("attribute %w", err)
		}
		for _, text := range texts[label] {
			value, err := def.Encode(text)
			if err != nil {
				return nil, fmt.Errorf("attribute %w", err)
			}
			out = append(out, attribute{wire.Vendor(def.Vendor), def.Type, value})
		}
	}
	return out, nil
}

// matches reports whether the row is for somebody with a device.
func (r *replyRule) matches(dec *directory.Decision, station string) bool {
	return (r.device == "" || r.device == station) &&
		(r.user == "" || r.user == dec.User.NameKey) &&
		(r.group == "" || slices.ContainsFunc(dec.Groups, func(g directory.Group) bool { return g.NameKey == r.group }))
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
	rule, session := r.client.grant(dec, station(r.packet), r.received)
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
		a.add(e)
	}
}

func (a attribute) add(e *wire.Encoder) {
	if a.vendor != 0 {
		e.AddVendor(a.vendor, a.typ, a.value)
	} else {
		e.Add(wire.Type(a.typ), a.value)
	}
}
