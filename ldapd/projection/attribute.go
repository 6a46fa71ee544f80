package projection

import (
	"fmt"
	"math/bits"
	"strings"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// attrID names an attribute type inside this process.
type attrID uint8

// The attribute types that the code speaks of. Those that only pass through come behind them.
const (
	attrObjectClass attrID = iota
	attrUID
	attrCN
	attrDisplayName
	attrSN
	attrGivenName
	attrMail
	attrTelephone
	attrMobile
	attrTitle
	attrDepartment
	attrOU
	attrO
	attrL
	attrEmployeeNumber
	attrEmployeeType
	attrManager
	attrDescription
	attrDC
	attrC
	attrPhoto
	attrPostalAddress
	attrHomePostalAddress
	attrSSHPublicKey
	attrAuthorizedService
	attrHost
	attrGecos
	attrHomeDirectory
	attrLoginShell
	attrUIDNumber
	attrGIDNumber
	attrShadowExpire
	attrMember
	attrUniqueMember
	attrMemberUID
	attrMemberOf
	attrIsMemberOf
	attrEntryUUID
	attrCreate
	attrModify
	attrCreator
	attrModifier
	attrEntryCSN
	attrContextCSN
	attrEntryDN
	attrStructural
	attrSubschema
	attrHasSubordinates
	attrNumSubordinates
	attrAccountLock
	attrPasswordChanged
	attrPasswordLocked
	attrPasswordReset
	attrApp
	attrNSUniqueID
	attrIPAUniqueID
	attrAccountName
	attrPrincipalName
	attrObjectGUID
	attrAccountControl
	attrObjectCategory
	attrSambaSID
	attrSambaGroupSID
	attrSambaNTPassword
	attrSambaAcctFlags
	attrSambaPwdLastSet
	attrSambaKickoff
	attrSambaGroupType
	attrSambaDomainName
	namedAttrs // how many those are
)

// attrNames are the published names, in the order of the constants.
const attrNames = "objectClass uid cn displayName sn givenName mail telephoneNumber mobile title departmentNumber ou o l " +
	"employeeNumber employeeType manager description dc c jpegPhoto postalAddress homePostalAddress sshPublicKey " +
	"authorizedService host gecos homeDirectory loginShell uidNumber gidNumber shadowExpire member uniqueMember memberUid " +
	"memberOf isMemberOf entryUUID createTimestamp modifyTimestamp creatorsName modifiersName entryCSN contextCSN entryDN " +
	"structuralObjectClass subschemaSubentry hasSubordinates numSubordinates nsAccountLock " +
	"pwdChangedTime pwdAccountLockedTime pwdReset app " +
	"nsUniqueId ipaUniqueID sAMAccountName userPrincipalName objectGUID userAccountControl objectCategory " +
	"sambaSID sambaPrimaryGroupSID sambaNTPassword sambaAcctFlags sambaPwdLastSet sambaKickoffTime sambaGroupType sambaDomainName"

// mask is a set of attribute types.
type mask [2]uint64

func maskOf(ids ...attrID) mask {
	var m mask
	for _, a := range ids {
		m.set(a)
	}
	return m
}

func (m *mask) set(a attrID)       { m[a>>6] |= 1 << (a & 63) }
func (m mask) has(a attrID) bool   { return m[a>>6]&(1<<(a&63)) != 0 }
func (m mask) and(o mask) mask     { return mask{m[0] & o[0], m[1] & o[1]} }
func (m mask) or(o mask) mask      { return mask{m[0] | o[0], m[1] | o[1]} }
func (m mask) without(o mask) mask { return mask{m[0] &^ o[0], m[1] &^ o[1]} }
func (m mask) empty() bool         { return m[0]|m[1] == 0 }

// next removes the lowest attribute of a mask that is not empty.
func (m *mask) next() attrID {
	for i := range m {
		if m[i] != 0 {
			n := bits.TrailingZeros64(m[i])
			m[i] &= m[i] - 1
			return attrID(i<<6 + n)
		}
	}
	return 0
}

// attribute is an attribute type with what is needed to answer for it.
type attribute struct {
	schema.AttributeType
	head []byte // its name as an OCTET STRING
	eq   rule
	ord  rule
	sub  rule
	self mask // the attribute and all that inherit from it
}

// attributes is the schema as this package uses it. It does not change.
type attributes struct {
	all       []attribute
	byName    map[string]attrID // lower-case names and object identifiers
	user      mask
	operation mask
	computed  mask // values.go
	linked    mask
	visible   [schema.Audiences]mask // by schema.Audience
	profiles  []*profile             // in the order of schema.LDAPProfiles
}

func newAttributes() (*attributes, error) {
	types := schema.LDAPTypes()
	if len(types) > 128 {
		return nil, fmt.Errorf("%d attribute types are more than a mask holds", len(types))
	}
	t := &attributes{
		all: make([]attribute, len(types)), byName: make(map[string]attrID, 3*len(types)), computed: computed(), linked: linked(),
	}
	wellKnown := map[string]attrID{}
	for i, name := range strings.Fields(attrNames) {
		wellKnown[name] = attrID(i)
	}
	if len(wellKnown) != int(namedAttrs) {
		return nil, fmt.Errorf("%d names for %d attributes", len(wellKnown), namedAttrs)
	}
	next, found := namedAttrs, 0
	for _, typ := range types {
		id, ok := wellKnown[typ.Name()]
		if ok {
			found++
		} else {
			id = next
			next++
		}
		if int(id) >= len(t.all) {
			break // a name of ours is missing; said below
		}
		t.add(id, typ)
	}
	if found != int(namedAttrs) {
		return nil, fmt.Errorf("the schema lacks attribute types: %d of %d are there", found, namedAttrs)
	}
	t.inherit()
	for _, p := range schema.LDAPProfiles() {
		t.profiles = append(t.profiles, newProfile(t, p))
	}
	return t, nil
}

func (t *attributes) add(id attrID, typ schema.AttributeType) {
	a := attribute{AttributeType: typ, eq: ruleOf(typ.Equality), ord: ruleOf(typ.Ordering), sub: ruleOf(typ.Substr)}
	a.head = wire.AppendOctets(nil, typ.Name())
	a.self.set(id)
	t.all[id] = a
	for _, n := range typ.Names {
		t.byName[strings.ToLower(n)] = id
	}
	t.byName[typ.OID] = id
	if typ.Operational() {
		t.operation.set(id)
	} else {
		t.user.set(id)
	}
	for audience := range t.visible {
		if schema.Audience(audience)&typ.Audience != 0 {
			t.visible[audience].set(id)
		}
	}
}

// inherit adds to each supertype what inherits from it.
func (t *attributes) inherit() {
	for id := range t.all {
		if sup, ok := t.byName[strings.ToLower(t.all[id].Sup)]; ok && t.all[id].Sup != "" {
			t.all[sup].self.set(attrID(id))
		}
	}
}

// lower appends s in lower case, as far as it is ASCII.
func lower(dst, s []byte) []byte {
	for _, o := range s {
		if 'A' <= o && o <= 'Z' {
			o += 'a' - 'A'
		}
		dst = append(dst, o)
	}
	return dst
}
