package projection

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"gatehouse/directory"
	"gatehouse/directory/name"
	"gatehouse/directory/schema"
)

// published is a property of a user with the attribute that it is published as.
type published struct {
	key    string
	attr   attrID
	single bool
}

// builder makes records of users and groups. It belongs to one goroutine.
type builder struct {
	person []published
	group  []published
	at     map[string]int // index in person, by key
	values [][]string     // of one user, in the order of person
	rec    record
	blob   []byte
	domain bool // there is a domain of Samba servers
	samba  map[directory.UserID]sambaPassword
}

// newBuilder derives from the one attribute table what is published and as what. Attributes that are computed here,
// or depend on more than their own values, are left out.
func newBuilder(t *attributes) *builder {
	b := &builder{at: map[string]int{}}
	ofGroup := maskOf(attrDescription, attrO, attrOU, t.byName["businesscategory"])
	for _, a := range schema.Attributes() {
		if a.Computed || len(a.LDAP) == 0 {
			continue
		}
		for i, typ := range a.LDAP {
			id := t.byName[strings.ToLower(typ)]
			p := published{a.Key, id, t.all[id].Single || a.Single}
			if ofGroup.has(id) {
				b.group = append(b.group, p)
			}
			// What has a fallback comes by itself; ou of a person is departmentNumber.
			if i == 0 && id != attrCN && id != attrSN && id != attrDisplayName {
				b.at[a.Key] = len(b.person)
				b.person = append(b.person, p)
			}
		}
	}
	b.values = make([][]string, len(b.person))
	return b
}

// one adds an attribute with a single value, when there is one.
func (b *builder) one(a attrID, value string) {
	if value != "" {
		b.rec = b.rec.appendBlob(a, appendValue(b.blob[:0], value))
	}
}

// user makes the record of a person or a service account, with what is known of the password. It is valid until the
// next call.
func (b *builder) user(u *directory.User, password directory.PasswordState) record {
	id, _ := parseUUID(u.UID)
	b.rec = newRecord(b.rec, u.Created, u.Updated, id)
	b.rec.setPassword(password.Changed)
	f := kindPerson
	if u.Kind == directory.ServiceAccount {
		f = kindService
	}
	disabled := u.Status != directory.Active
	if disabled {
		f |= flagDisabled
	}
	if password.MustChange {
		f |= flagMustChange
	}
	b.one(attrUID, u.Username)
	if f.kind() == kindPerson {
		if posixName(u.Username) && 0 < u.UIDNumber && u.UIDNumber <= math.MaxUint32 {
			f |= flagPosix
			b.rec.setNumber(uint32(u.UIDNumber))
		}
		f |= b.personal(u, f)
		if b.sambaAccount(u, f) {
			f |= flagSamba
		}
	} else {
		b.one(attrDescription, u.Profile.First("description"))
		if schema.LDAPProfile(u.Attrs.First(directory.AttrLDAPProfile)) == schema.SambaServer {
			f |= flagSamba
		}
	}
	if disabled {
		b.one(attrAccountLock, "TRUE")
	}
	b.rec.setFlags(f)
	b.rec = b.rec.finish()
	return b.rec
}

// personal adds what only people have and returns further flags.
func (b *builder) personal(u *directory.User, f flags) flags {
	display, full := u.Profile.First("displayName"), u.Profile.First("formatted")
	if full == "" {
		full = u.DisplayName()
	}
	b.one(attrDisplayName, display)
	if full != display && full != u.Username {
		b.one(attrCN, full) // else cn follows from displayName and uid
	}
	// RFC 4519 §3.12: a person has a sn.
	family := u.Profile.First("familyName")
	if family == "" {
		family = u.Username
	}
	b.one(attrSN, family)
	b.mail(u)
	clear(b.values)
	for key, values := range u.Profile {
		if i, ok := b.at[key]; ok {
			b.values[i] = values
		}
	}
	var more flags
	for i, p := range b.person {
		values := b.values[i]
		if len(values) == 0 {
			continue
		}
		switch p.attr {
		case attrHomeDirectory, attrLoginShell, attrGecos:
			if f.has(flagPosix) && posixText(values[0]) {
				b.one(p.attr, values[0])
			}
			continue
		case attrSSHPublicKey:
			if f.has(flagDisabled) {
				continue
			}
		}
		if b.several(p, values) {
			switch p.attr {
			case attrSSHPublicKey:
				more |= flagSSH
			case attrAuthorizedService:
				more |= flagServices
			case attrHost:
				more |= flagHosts
			}
		}
	}
	switch {
	case !f.has(flagPosix):
	case f.has(flagDisabled):
		b.one(attrShadowExpire, "1")
	case !u.Expires.IsZero():
		b.one(attrShadowExpire, strconv.FormatInt(u.Expires.Unix()/86400, 10))
	}
	return more
}

// mail adds the addresses, the primary one first.
func (b *builder) mail(u *directory.User) {
	b.blob = b.blob[:0]
	for _, primary := range []bool{true, false} {
		for _, e := range u.Emails {
			if e.Primary == primary {
				b.blob = appendValue(b.blob, e.Address)
			}
		}
	}
	if len(b.blob) > 0 {
		b.rec = b.rec.appendBlob(attrMail, b.blob)
	}
}

// several adds an attribute with its values and reports whether there was one.
func (b *builder) several(p published, values []string) bool {
	if p.single && len(values) > 1 {
		values = values[:1]
	}
	b.blob = b.blob[:0]
	for i, v := range values {
		if v == "" || slices.Contains(values[:i], v) {
			continue
		}
		switch p.attr {
		case attrManager:
			// Kept as the UUID of the person; the name is looked up when it is shown.
			if id, ok := parseUUID(v); ok {
				b.blob = append(b.blob, id[:]...)
			}
		case attrPhoto:
			if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) > 0 {
				b.blob = appendValue(b.blob, raw)
			}
		case attrPostalAddress, attrHomePostalAddress:
			b.blob = appendValue(b.blob, postal(v))
		case attrC:
			if len(v) == 2 { // RFC 4517 §3.3.4
				b.blob = appendValue(b.blob, v)
			}
		default:
			b.blob = appendValue(b.blob, v)
		}
	}
	if len(b.blob) == 0 {
		return false
	}
	b.rec = b.rec.appendBlob(p.attr, b.blob)
	return true
}

// postal writes an address in the form of RFC 4517 §3.3.28: lines separated by dollars.
func postal(v string) string {
	if !strings.ContainsAny(v, "\n\\") {
		return v
	}
	return strings.NewReplacer("\\", "\\5C", "$", "\\24", "\r\n", "$", "\n", "$").Replace(v)
}

// groupRecord makes the record of a group. It is valid until the next call.
func (b *builder) groupRecord(g *directory.Group) record {
	id, _ := parseUUID(g.UID)
	b.rec = newRecord(b.rec, g.Created, g.Updated, id)
	f := kindGroup
	if posixName(g.Name) && 0 < g.GIDNumber && g.GIDNumber <= math.MaxUint32 {
		f |= flagPosix
		b.rec.setNumber(uint32(g.GIDNumber))
		if b.hasRID(b.rec.number()) {
			f |= flagSamba
		}
	}
	b.one(attrCN, g.Name)
	for _, p := range b.group {
		b.several(p, g.Attrs[p.key])
	}
	b.rec.setFlags(f)
	b.rec = b.rec.finish()
	return b.rec
}

// posixName reports whether a Unix host may take the name for an account or a group: not one of its own, and nothing
// that means something else in a path or in a line of passwd(5).
func posixName(s string) bool {
	return !name.ReservedOnUnix(s) && posixText(s) && !strings.ContainsAny(s, "/\\") && s[0] != '-' && s[0] != '.' && s[0] != '+'
}

// posixText reports whether s can be a field of passwd(5).
func posixText(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r == ':' || r < 0x20 || r == 0x7f })
}
