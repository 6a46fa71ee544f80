package schema

import "strings"

// Attribute is one row of the table: a property of a user and its name in each
// protocol. An empty name means that the protocol does not have it.
type Attribute struct {
	Key          string   // canonical key, under which the directory stores it
	SCIM         string   // path in a User resource, URN first for extensions
	LDAP         []string // attribute types it is published as; the first is the one to write
	OIDC         string   // claim; "address.locality" is a member of address
	SAML         string   // object identifier, without "urn:oid:"
	Single       bool     // at most one value
	SelfWritable bool     // people may change their own
	Computed     bool     // not stored under Key: kept elsewhere or derived
}

// SCIM extension schemas that hold user attributes.
const (
	EnterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	PosixUser      = "urn:ietf:params:scim:schemas:extension:posix:2.0:User"
	SSHUser        = "urn:ietf:params:scim:schemas:extension:ssh:2.0:User"
)

// Attributes returns the table, grouped by meaning.
func Attributes() []Attribute {
	var all []Attribute
	all = append(all, computedAttributes()...)
	all = append(all, nameAttributes()...)
	all = append(all, contactAttributes()...)
	return append(all, workAttributes()...)
}

func computedAttributes() []Attribute {
	return []Attribute{
		{Key: "id", SCIM: "id", LDAP: []string{"entryUUID"}, OIDC: "sub", Single: true, Computed: true},
		{Key: "userName", SCIM: "userName", LDAP: []string{"uid"}, OIDC: "preferred_username", SAML: "0.9.2342.19200300.100.1.1", Single: true, Computed: true},
		{Key: "emails", SCIM: "emails", LDAP: []string{"mail"}, OIDC: "email", SAML: "0.9.2342.19200300.100.1.3", Computed: true},
		{Key: "groups", SCIM: "groups", LDAP: []string{"memberOf"}, OIDC: "groups", SAML: "1.3.6.1.4.1.5923.1.5.1.1", Computed: true},
		{Key: "uidNumber", SCIM: PosixUser + ":uidNumber", LDAP: []string{"uidNumber"}, Single: true, Computed: true},
		{Key: "gidNumber", SCIM: PosixUser + ":gidNumber", LDAP: []string{"gidNumber"}, Single: true, Computed: true},
		{Key: "created", SCIM: "meta.created", LDAP: []string{"createTimestamp"}, Single: true, Computed: true},
		{Key: "lastModified", SCIM: "meta.lastModified", LDAP: []string{"modifyTimestamp"}, OIDC: "updated_at", Single: true, Computed: true},
		{Key: "version", SCIM: "meta.version", LDAP: []string{"entryCSN"}, Single: true, Computed: true},
	}
}

func nameAttributes() []Attribute {
	return []Attribute{
		{Key: "formatted", SCIM: "name.formatted", LDAP: []string{"cn"}, OIDC: "name", SAML: "2.5.4.3", Single: true},
		{Key: "familyName", SCIM: "name.familyName", LDAP: []string{"sn"}, OIDC: "family_name", SAML: "2.5.4.4", Single: true},
		{Key: "givenName", SCIM: "name.givenName", LDAP: []string{"givenName"}, OIDC: "given_name", SAML: "2.5.4.42", Single: true},
		{Key: "middleName", SCIM: "name.middleName", OIDC: "middle_name", Single: true},
		{Key: "honorificPrefix", SCIM: "name.honorificPrefix", Single: true},
		{Key: "honorificSuffix", SCIM: "name.honorificSuffix", Single: true},
		{Key: "displayName", SCIM: "displayName", LDAP: []string{"displayName"}, SAML: "2.16.840.1.113730.3.1.241", Single: true, SelfWritable: true},
		{Key: "nickName", SCIM: "nickName", OIDC: "nickname", Single: true},
		{Key: "profileUrl", SCIM: "profileUrl", OIDC: "profile", Single: true},
		{Key: "jpegPhoto", LDAP: []string{"jpegPhoto"}, SAML: "0.9.2342.19200300.100.1.60", Single: true, SelfWritable: true},
		{Key: "preferredLanguage", SCIM: "preferredLanguage", LDAP: []string{"preferredLanguage"}, SAML: "2.16.840.1.113730.3.1.39", Single: true, SelfWritable: true},
		{Key: "locale", SCIM: "locale", OIDC: "locale", Single: true},
		{Key: "timezone", SCIM: "timezone", OIDC: "zoneinfo", Single: true},
	}
}

func contactAttributes() []Attribute {
	phone := func(kind string) string { return `phoneNumbers[type eq "` + kind + `"].value` }
	work := func(part string) string { return `addresses[type eq "work"].` + part }
	return []Attribute{
		{Key: "workPhone", SCIM: phone("work"), LDAP: []string{"telephoneNumber"}, OIDC: "phone_number", SAML: "2.5.4.20", SelfWritable: true},
		{Key: "mobilePhone", SCIM: phone("mobile"), LDAP: []string{"mobile"}, SAML: "0.9.2342.19200300.100.1.41", SelfWritable: true},
		{Key: "homePhone", SCIM: phone("home"), LDAP: []string{"homePhone"}, SAML: "0.9.2342.19200300.100.1.20", SelfWritable: true},
		{Key: "fax", SCIM: phone("fax"), LDAP: []string{"facsimileTelephoneNumber"}, SAML: "2.5.4.23", SelfWritable: true},
		{Key: "pager", SCIM: phone("pager"), LDAP: []string{"pager"}, SAML: "0.9.2342.19200300.100.1.42", SelfWritable: true},
		{Key: "otherPhone", SCIM: phone("other"), SelfWritable: true},
		{Key: "streetAddress", SCIM: work("streetAddress"), LDAP: []string{"street"}, OIDC: "address.street_address", SAML: "2.5.4.9", Single: true},
		{Key: "locality", SCIM: work("locality"), LDAP: []string{"l"}, OIDC: "address.locality", SAML: "2.5.4.7", Single: true},
		{Key: "region", SCIM: work("region"), LDAP: []string{"st"}, OIDC: "address.region", SAML: "2.5.4.8", Single: true},
		{Key: "postalCode", SCIM: work("postalCode"), LDAP: []string{"postalCode"}, OIDC: "address.postal_code", SAML: "2.5.4.17", Single: true},
		{Key: "country", SCIM: work("country"), LDAP: []string{"c"}, OIDC: "address.country", SAML: "2.5.4.6", Single: true},
		{Key: "postalAddress", SCIM: work("formatted"), LDAP: []string{"postalAddress"}, OIDC: "address.formatted", SAML: "2.5.4.16", Single: true},
		{Key: "homeAddress", SCIM: `addresses[type eq "home"].formatted`, LDAP: []string{"homePostalAddress"}, SAML: "0.9.2342.19200300.100.1.39", Single: true},
	}
}

func workAttributes() []Attribute {
	return []Attribute{
		{Key: "title", SCIM: "title", LDAP: []string{"title"}, OIDC: "title", SAML: "2.5.4.12", Single: true},
		{Key: "userType", SCIM: "userType", LDAP: []string{"employeeType"}, OIDC: "user_type", SAML: "2.16.840.1.113730.3.1.4", Single: true},
		{Key: "employeeNumber", SCIM: EnterpriseUser + ":employeeNumber", LDAP: []string{"employeeNumber"}, OIDC: "employee_number", SAML: "2.16.840.1.113730.3.1.3", Single: true},
		{Key: "department", SCIM: EnterpriseUser + ":department", LDAP: []string{"departmentNumber", "ou"}, OIDC: "department", SAML: "2.16.840.1.113730.3.1.2", Single: true},
		{Key: "organization", SCIM: EnterpriseUser + ":organization", LDAP: []string{"o"}, OIDC: "organization", SAML: "2.5.4.10", Single: true},
		{Key: "division", SCIM: EnterpriseUser + ":division", LDAP: []string{"businessCategory"}, OIDC: "division", SAML: "2.5.4.15", Single: true},
		{Key: "costCenter", SCIM: EnterpriseUser + ":costCenter", OIDC: "cost_center", Single: true},
		{Key: "manager", SCIM: EnterpriseUser + ":manager.value", LDAP: []string{"manager"}, OIDC: "manager", SAML: "0.9.2342.19200300.100.1.10", Single: true},
		{Key: "roles", SCIM: "roles", OIDC: "roles", SAML: "1.3.6.1.4.1.5923.1.1.1.7"},
		{Key: "entitlements", SCIM: "entitlements", OIDC: "entitlements", SAML: "1.3.6.1.4.1.5923.1.1.1.7"},
		{Key: "description", LDAP: []string{"description"}, SAML: "2.5.4.13"},
		{Key: "homeDirectory", SCIM: PosixUser + ":homeDirectory", LDAP: []string{"homeDirectory"}, Single: true},
		{Key: "loginShell", SCIM: PosixUser + ":loginShell", LDAP: []string{"loginShell"}, Single: true},
		{Key: "gecos", SCIM: PosixUser + ":gecos", LDAP: []string{"gecos"}, Single: true},
		{Key: "sshPublicKey", SCIM: SSHUser + ":sshPublicKey", LDAP: []string{"sshPublicKey"}},
		{Key: "authorizedService", LDAP: []string{"authorizedService"}},
		{Key: "host", LDAP: []string{"host"}},
	}
}

// ByKey returns the stored attribute of a canonical key. Computed ones are not
// found, so nobody can store a value over what is derived.
func ByKey(key string) (Attribute, bool) {
	return find(func(a Attribute) bool { return a.Key == key && !a.Computed })
}

// BySCIM returns the attribute at a SCIM path, written as in the table but in
// any case.
func BySCIM(path string) (Attribute, bool) {
	return find(func(a Attribute) bool { return path != "" && strings.EqualFold(a.SCIM, path) })
}

// ByLDAP returns the attribute that is published as the LDAP attribute type of
// that name, alias or object identifier, in any case.
func ByLDAP(description string) (Attribute, bool) {
	t, ok := LDAPType(description)
	if !ok {
		return Attribute{}, false
	}
	return find(func(a Attribute) bool {
		for _, l := range a.LDAP {
			if l == t.Name() {
				return true
			}
		}
		return false
	})
}

// ByOIDC returns the attribute behind a claim.
func ByOIDC(claim string) (Attribute, bool) {
	return find(func(a Attribute) bool { return claim != "" && a.OIDC == claim })
}

// BySAML returns the first attribute of an object identifier, with or without
// "urn:oid:".
func BySAML(oid string) (Attribute, bool) {
	oid = strings.TrimPrefix(oid, "urn:oid:")
	return find(func(a Attribute) bool { return oid != "" && a.SAML == oid })
}

func find(match func(Attribute) bool) (Attribute, bool) {
	for _, a := range Attributes() {
		if match(a) {
			return a, true
		}
	}
	return Attribute{}, false
}
