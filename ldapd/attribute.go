package ldapd

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// slot says how an attribute of an entry can be written.
type slot int

const (
	slotStored   slot = iota // under a key of the directory
	slotName                 // names the entry
	slotClass                // objectClass
	slotMail                 // addresses
	slotPassword             // userPassword
	slotMembers              // member, uniqueMember, memberUid
)

// written is an attribute that a write names.
type written struct {
	schema.AttributeType
	slot   slot
	key    string // with slotStored
	single bool
}

// groupKeys are the attributes of groups that are kept, by published name.
func groupKeys() map[string]string {
	return map[string]string{
		"description": "description", "o": "organization", "ou": "department", "businessCategory": "division",
	}
}

// attributeOf finds out how an attribute of a person, or of a group, is written. The error is a *refusal.
func attributeOf(description []byte, group bool) (written, error) {
	t, ok := schema.LDAPType(string(description))
	if !ok {
		return written{}, refuse(wire.UndefinedAttributeType, "there is no attribute "+clip(description))
	}
	a := written{AttributeType: t, single: t.Single}
	name := t.Name()
	switch {
	case name == "objectClass":
		a.slot = slotClass
		return a, nil
	case t.NoUserMod:
		// RFC 4512 §2.5: NO-USER-MODIFICATION.
		return a, refuse(wire.ConstraintViolation, name+" is kept by the server")
	case name == "uidNumber" || name == "gidNumber":
		return a, refuse(wire.UnwillingToPerform, name+" is given by the directory; leave it out")
	case name == "userPassword" && !group:
		a.slot = slotPassword
		return a, nil
	case group:
		return groupAttribute(a, name)
	case name == "uid":
		a.slot = slotName
		return a, nil
	case name == "mail":
		a.slot = slotMail
		return a, nil
	}
	stored, ok := schema.ByLDAP(name)
	switch {
	case ok && !stored.Computed && stored.LDAP[0] == name:
		a.key, a.single = stored.Key, a.single || stored.Single
		return a, nil
	case ok && !stored.Computed:
		return a, refuse(wire.UnwillingToPerform, name+" follows from "+stored.LDAP[0]+"; change that")
	case !allows(personClasses(), name):
		return a, refuse(wire.ObjectClassViolation, "a person has no "+name)
	default:
		return a, refuse(wire.UnwillingToPerform, "this directory does not keep "+name+" of people")
	}
}

func groupAttribute(a written, name string) (written, error) {
	switch name {
	case "cn":
		a.slot = slotName
		return a, nil
	case "member", "uniqueMember", "memberUid":
		a.slot = slotMembers
		return a, nil
	}
	key, ok := groupKeys()[name]
	switch {
	case ok:
		a.key = key
		return a, nil
	case !allows(groupClasses(), name):
		return a, refuse(wire.ObjectClassViolation, "a group has no "+name)
	default:
		return a, refuse(wire.UnwillingToPerform, "this directory does not keep "+name+" of groups")
	}
}

// allows reports whether one of the classes has the attribute.
func allows(classes []string, attribute string) bool {
	for _, name := range classes {
		c, _ := schema.Class(name)
		for _, list := range [][]string{c.Must, c.May} {
			for _, has := range list {
				if strings.EqualFold(has, attribute) {
					return true
				}
			}
		}
	}
	return false
}

// stored returns a value in the form in which the directory keeps it; ok is false when it is not one of the
// attribute's syntax. Names of entries are not handled here.
func (a *written) stored(v []byte) (s string, ok bool) {
	switch a.Name() {
	case "jpegPhoto":
		return base64.StdEncoding.EncodeToString(v), len(v) > 0
	case "postalAddress", "homePostalAddress":
		s = strings.NewReplacer("$", "\n", "\\24", "$", "\\5C", "\\", "\\5c", "\\").Replace(string(v))
		return s, len(v) > 0 && utf8.Valid(v)
	case "c":
		return string(v), len(v) == 2 && printable(v) // RFC 4517 §3.3.4
	case "sshPublicKey", "homeDirectory", "loginShell", "gecos":
		return string(v), len(v) > 0 && printable(v)
	default:
		// RFC 4517 §3.3.6: at least one character, in UTF-8.
		return string(v), len(v) > 0 && utf8.Valid(v)
	}
}

// printable reports whether v is ASCII without control characters.
func printable(v []byte) bool {
	for _, o := range v {
		if o < 0x20 || o > 0x7e {
			return false
		}
	}
	return true
}

// shown is stored the other way round.
func (a *written) shown(s string) []byte {
	switch a.Name() {
	case "jpegPhoto":
		if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
			return raw
		}
		return nil
	case "postalAddress", "homePostalAddress":
		if !strings.ContainsAny(s, "\n\\") {
			return []byte(s)
		}
		return []byte(strings.NewReplacer("\\", "\\5C", "$", "\\24", "\r\n", "$", "\n", "$").Replace(s))
	default:
		return []byte(s)
	}
}
