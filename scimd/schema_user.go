package scimd

import dirschema "gatehouse/directory/schema"

// The URNs of the schemas that are served.
const (
	urnUser       = coreURN + "User"
	urnGroup      = coreURN + "Group"
	urnEnterprise = dirschema.EnterpriseUser
	urnPosix      = dirschema.PosixUser
	urnSSH        = dirschema.SSHUser
)

// commonAttributes are what every resource has (RFC 7643 §3.1).
func commonAttributes() []attribute {
	return []attribute{
		{name: "schemas", typ: typeReference, multi: true, caseExact: true, mutability: mutReadOnly, returned: retAlways},
		{name: "id", caseExact: true, mutability: mutReadOnly, returned: retAlways, uniqueness: uniqServer},
		{name: "externalId", caseExact: true},
		{name: "meta", typ: typeComplex, mutability: mutReadOnly, sub: []attribute{
			{name: "resourceType", caseExact: true, mutability: mutReadOnly},
			{name: "created", typ: typeDateTime, mutability: mutReadOnly},
			{name: "lastModified", typ: typeDateTime, mutability: mutReadOnly},
			{name: "location", typ: typeReference, caseExact: true, mutability: mutReadOnly},
			{name: "version", caseExact: true, mutability: mutReadOnly},
		}},
	}
}

func userType() *resourceType {
	return &resourceType{
		name: "User", endpoint: "/Users", description: "User account",
		core:       userSchema(),
		extensions: []*schema{enterpriseSchema(), posixSchema(), sshSchema()},
		common:     commonAttributes(),
	}
}

// userSchema is the core User of RFC 7643 §4.1 without ims, photos and
// x509Certificates, which the directory does not keep.
func userSchema() *schema {
	return &schema{urn: urnUser, name: "User", description: "User account", attrs: []attribute{
		{name: "userName", required: true, uniqueness: uniqServer, description: "The name the user signs in with."},
		{name: "name", typ: typeComplex, description: "The parts of the user's name.", sub: []attribute{
			{name: "formatted", description: "The full name, ready to show."},
			{name: "familyName", description: "The family name."},
			{name: "givenName", description: "The given name."},
			{name: "middleName", description: "The middle names."},
			{name: "honorificPrefix", description: "A title in front of the name."},
			{name: "honorificSuffix", description: "A suffix behind the name."},
		}},
		{name: "displayName", description: "The name shown to others."},
		{name: "nickName", description: "The casual name."},
		{name: "profileUrl", typ: typeReference, caseExact: true, refs: []string{"external"}, description: "A page about the user."},
		{name: "title", description: "The job title."},
		{name: "userType", description: "The relation to the organization, such as Employee or Contractor."},
		{name: "preferredLanguage", description: "The preferred language, as in Accept-Language."},
		{name: "locale", description: "The place by whose conventions dates and numbers are shown."},
		{name: "timezone", description: "The time zone, as in the IANA database."},
		{name: "active", typ: typeBoolean, description: "False: the user is refused at every door."},
		{name: "password", caseExact: true, mutability: mutWriteOnly, returned: retNever, description: "A new password, where the source may set one."},
		{name: "emails", typ: typeComplex, multi: true, description: "E-mail addresses.", sub: []attribute{
			{name: "value", description: "The address."},
			{name: "type", canonical: []string{"work", "home", "other"}, description: "What kind of address it is."},
			{name: "primary", typ: typeBoolean, description: "True for the preferred address."},
		}},
		{name: "phoneNumbers", typ: typeComplex, multi: true, description: "Telephone numbers.", sub: []attribute{
			{name: "value", description: "The number."},
			{name: "type", canonical: []string{"work", "mobile", "home", "fax", "pager", "other"}, description: "What kind of number it is."},
			{name: "primary", typ: typeBoolean, mutability: mutReadOnly, description: "True for the first number."},
		}},
		addressesAttribute(),
		{name: "groups", typ: typeComplex, multi: true, mutability: mutReadOnly, description: "The groups the user is in, directly or through other groups.", sub: []attribute{
			{name: "value", caseExact: true, mutability: mutReadOnly, description: "The id of the group."},
			{name: "$ref", typ: typeReference, caseExact: true, refs: []string{"Group"}, mutability: mutReadOnly, description: "The URI of the group."},
			{name: "display", mutability: mutReadOnly, description: "The name of the group."},
			{name: "type", mutability: mutReadOnly, canonical: []string{"direct", "indirect"}, description: "Whether the membership is direct."},
		}},
		values("entitlements", "What the user is entitled to."),
		values("roles", "The user's roles, as the source calls them. They give no rights in the directory."),
	}}
}

// values is a list of values of which the first is the primary one.
func values(name, description string) attribute {
	return attribute{name: name, typ: typeComplex, multi: true, description: description, sub: []attribute{
		{name: "value", caseExact: true, description: "The value."},
		{name: "primary", typ: typeBoolean, description: "True for the preferred value, which is the first."},
	}}
}

func addressesAttribute() attribute {
	return attribute{name: "addresses", typ: typeComplex, multi: true, description: "Postal addresses.", sub: []attribute{
		{name: "formatted", description: "The whole address, with line breaks."},
		{name: "streetAddress", description: "Street and house number."},
		{name: "locality", description: "The city."},
		{name: "region", description: "The state or region."},
		{name: "postalCode", description: "The postal code."},
		{name: "country", description: "The country, ISO 3166-1 alpha-2."},
		{name: "type", canonical: []string{"work", "home", "other"}, description: "What kind of address it is."},
		{name: "primary", typ: typeBoolean, mutability: mutReadOnly, description: "True for the first address."},
	}}
}

// enterpriseSchema is the extension of RFC 7643 §4.3.
func enterpriseSchema() *schema {
	return &schema{urn: urnEnterprise, name: "EnterpriseUser", description: "Enterprise user", attrs: []attribute{
		{name: "employeeNumber", description: "The number that the organization gave the person."},
		{name: "costCenter", description: "The cost center."},
		{name: "organization", description: "The organization."},
		{name: "division", description: "The division."},
		{name: "department", description: "The department."},
		{name: "manager", typ: typeComplex, description: "The person's manager.", sub: []attribute{
			{name: "value", caseExact: true, description: "The id of the manager's User."},
			{name: "$ref", typ: typeReference, caseExact: true, refs: []string{"User"}, mutability: mutReadOnly, description: "The URI of the manager's User."},
			{name: "displayName", mutability: mutReadOnly, description: "The manager's name."},
		}},
	}}
}

// posixSchema is what a Unix account has (RFC 2307).
func posixSchema() *schema {
	return &schema{urn: urnPosix, name: "PosixUser", description: "Unix account", attrs: []attribute{
		{name: "uidNumber", typ: typeInteger, mutability: mutReadOnly, uniqueness: uniqServer, description: "The number of the account, given by the directory."},
		{name: "gidNumber", typ: typeInteger, mutability: mutReadOnly, description: "The number of the primary group, which is the account's own."},
		{name: "homeDirectory", caseExact: true, description: "The path of the home directory."},
		{name: "loginShell", caseExact: true, description: "The path of the login shell."},
		{name: "gecos", description: "The comment field."},
	}}
}

// sshSchema is the keys an account may sign in to hosts with.
func sshSchema() *schema {
	return &schema{urn: urnSSH, name: "SSHUser", description: "SSH public keys", attrs: []attribute{
		{name: "sshPublicKey", multi: true, caseExact: true, description: "Public keys, one per value, as in authorized_keys."},
	}}
}
