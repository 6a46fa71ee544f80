package schema

import "slices"

// LDAPProfile is how entries look to an LDAP client: which object classes they
// have and which attribute types exist.
type LDAPProfile string

// The profiles.
const (
	// RFC2307bis is the default: groups list DNs in member and uniqueMember, and
	// user names in memberUid.
	RFC2307bis LDAPProfile = "rfc2307bis"
	// RFC2307 has groups of user names only: memberUid.
	RFC2307 LDAPProfile = "rfc2307"
	// VCenter has inetOrgPerson and groupOfUniqueNames, and nothing of Unix.
	VCenter LDAPProfile = "vcenter"
	// ADLite adds what clients of Active Directory look people up by.
	ADLite LDAPProfile = "ad-lite"
	// SambaServer is the default with what a Samba server keeps accounts in.
	SambaServer LDAPProfile = "samba"
)

// LDAPProfiles returns all profiles, the default first.
func LDAPProfiles() []LDAPProfile {
	return []LDAPProfile{RFC2307bis, RFC2307, VCenter, ADLite, SambaServer}
}

// Check accepts "", which is the default, and the names of profiles.
func (p LDAPProfile) Check() error {
	var names []string
	for _, known := range LDAPProfiles() {
		names = append(names, string(known))
	}
	return oneOf("profile", string(p), append(names, "")...)
}

// Names returns by what other names a profile publishes attribute types: its
// name to that of the schema.
func (p LDAPProfile) Names() map[string]string {
	if p != ADLite {
		return nil
	}
	return map[string]string{"distinguishedName": "entryDN", "whenCreated": "createTimestamp", "whenChanged": "modifyTimestamp"}
}

// Has reports whether an attribute type of the schema exists in a profile.
func (p LDAPProfile) Has(typ string) bool {
	unix := []string{
		"uidNumber", "gidNumber", "gecos", "homeDirectory", "loginShell", "memberUid", "shadowLastChange", "shadowMin",
		"shadowMax", "shadowWarning", "shadowInactive", "shadowExpire", "shadowFlag",
	}
	ofAD, ofSamba := slices.Contains(typeNames(adTypes()), typ), slices.Contains(typeNames(sambaTypes()), typ)
	switch p {
	case RFC2307:
		return typ != "member" && typ != "uniqueMember" && !ofAD && !ofSamba
	case VCenter:
		return typ != "member" && !slices.Contains(unix, typ) && !ofAD && !ofSamba
	case ADLite:
		return !ofSamba
	case SambaServer:
		return !ofAD
	default:
		return !ofAD && !ofSamba
	}
}

func typeNames(types []AttributeType) []string {
	var names []string
	for _, t := range types {
		names = append(names, t.Name())
	}
	return names
}

// adTypes are of Active Directory.
func adTypes() []AttributeType {
	return []AttributeType{
		single(text("1.2.840.113556.1.4.221", "sAMAccountName")),
		single(text("1.2.840.113556.1.4.656", "userPrincipalName")),
		single(octets("1.2.840.113556.1.4.2", "objectGUID")),
		integer("1.2.840.113556.1.4.8", "userAccountControl"),
		single(text("1.2.840.113556.1.4.782", "objectCategory")),
	}
}

// adClasses are of Active Directory. There they are structural; here they come
// on top of inetOrgPerson and groupOfNames.
func adClasses() []ObjectClass {
	return []ObjectClass{
		{"1.2.840.113556.1.5.9", "user", "top", Auxiliary, nil, names("sAMAccountName userPrincipalName objectGUID userAccountControl objectCategory memberOf")},
		{"1.2.840.113556.1.5.8", "group", "top", Auxiliary, nil, names("sAMAccountName objectGUID objectCategory member memberOf")},
	}
}
