package schema

// OIDs of types and classes of our own, derived from UUIDs (X.667 §6.3).
const (
	oidApp      = "2.25.222403527624217331608320503415918074401"
	oidAppClass = "2.25.221817991918921808111466264566958659758"
	oidPrimary  = "2.25.129877951925657765879232966514926033923"
)

// The constructors name the combinations of matching rules that occur.

func text(oid string, names ...string) AttributeType {
	return AttributeType{
		OID: oid, Names: names, Equality: "caseIgnoreMatch", Substr: "caseIgnoreSubstringsMatch",
		Syntax: syntaxDirectoryString, Audience: listed,
	}
}

// named is text that inherits from name (RFC 4519 §2.18).
func named(oid string, names ...string) AttributeType {
	t := text(oid, names...)
	t.Sup = "name"
	return t
}

func ia5(oid, name string) AttributeType {
	return AttributeType{
		OID: oid, Names: []string{name}, Equality: "caseIgnoreIA5Match", Substr: "caseIgnoreIA5SubstringsMatch",
		Syntax: syntaxIA5, Audience: listed,
	}
}

func exactIA5(oid, name string) AttributeType {
	return AttributeType{OID: oid, Names: []string{name}, Equality: "caseExactIA5Match", Syntax: syntaxIA5, Audience: listed}
}

func phone(oid string, names ...string) AttributeType {
	return AttributeType{
		OID: oid, Names: names, Equality: "telephoneNumberMatch", Substr: "telephoneNumberSubstringsMatch",
		Syntax: syntaxTelephone, Audience: listed,
	}
}

func address(oid, name string) AttributeType {
	return AttributeType{
		OID: oid, Names: []string{name}, Equality: "caseIgnoreListMatch", Substr: "caseIgnoreListSubstringsMatch",
		Syntax: syntaxPostalAddress, Audience: listed,
	}
}

func dn(oid, name string) AttributeType {
	return AttributeType{OID: oid, Names: []string{name}, Equality: "distinguishedNameMatch", Syntax: syntaxDN, Audience: listed}
}

// ref is a dn that inherits from distinguishedName (RFC 4519 §2.9).
func ref(oid, name string) AttributeType {
	t := dn(oid, name)
	t.Sup = "distinguishedName"
	return t
}

func integer(oid, name string) AttributeType {
	return AttributeType{
		OID: oid, Names: []string{name}, Equality: "integerMatch", Ordering: "integerOrderingMatch",
		Syntax: syntaxInteger, Single: true, Audience: listed,
	}
}

func octets(oid, name string) AttributeType {
	return AttributeType{OID: oid, Names: []string{name}, Equality: "octetStringMatch", Syntax: syntaxOctetString, Audience: listed}
}

func moment(oid, name string) AttributeType {
	return operational(AttributeType{
		OID: oid, Names: []string{name}, Equality: "generalizedTimeMatch", Ordering: "generalizedTimeOrderingMatch",
		Syntax: syntaxGeneralizedTime, Single: true, Audience: listed,
	})
}

func oids(oid, name string) AttributeType {
	return AttributeType{OID: oid, Names: []string{name}, Equality: "objectIdentifierMatch", Syntax: syntaxOID, Audience: public}
}

func single(t AttributeType) AttributeType { t.Single = true; return t }

func operational(t AttributeType) AttributeType {
	t.Usage, t.NoUserMod = DirectoryOperation, true
	return t
}

func server(t AttributeType) AttributeType {
	t.Usage, t.NoUserMod, t.Audience = DSAOperation, true, public
	return t
}

func to(a Audience, t AttributeType) AttributeType { t.Audience = a; return t }

// baseTypes are of RFC 4512, RFC 4519 and RFC 4524.
func baseTypes() []AttributeType {
	country := named("2.5.4.6", "c", "countryName")
	country.Syntax, country.Single = syntaxCountry, true
	mail := ia5("0.9.2342.19200300.100.1.3", "mail")
	mail.Names = append(mail.Names, "rfc822Mailbox")
	dc := single(ia5("0.9.2342.19200300.100.1.25", "dc"))
	dc.Names = append(dc.Names, "domainComponent")
	fax := phone("2.5.4.23", "facsimileTelephoneNumber", "fax")
	fax.Syntax = syntaxFacsimile // RFC 4519 §2.10 names no rules; a number compares as one
	return []AttributeType{
		oids("2.5.4.0", "objectClass"),
		text("2.5.4.41", "name"),
		dn("2.5.4.49", "distinguishedName"),
		named("2.5.4.3", "cn", "commonName"),
		named("2.5.4.4", "sn", "surname"),
		named("2.5.4.42", "givenName", "gn"),
		text("0.9.2342.19200300.100.1.1", "uid", "userid"),
		mail,
		dc,
		country,
		named("2.5.4.7", "l", "localityName"),
		named("2.5.4.8", "st", "stateOrProvinceName"),
		text("2.5.4.9", "street", "streetAddress"),
		named("2.5.4.10", "o", "organizationName"),
		named("2.5.4.11", "ou", "organizationalUnitName"),
		named("2.5.4.12", "title"),
		text("2.5.4.13", "description"),
		text("2.5.4.15", "businessCategory"),
		address("2.5.4.16", "postalAddress"),
		text("2.5.4.17", "postalCode"),
		phone("2.5.4.20", "telephoneNumber"),
		fax,
		ref("2.5.4.31", "member"),
		ref("2.5.4.34", "seeAlso"),
		{OID: "2.5.4.50", Names: []string{"uniqueMember"}, Equality: "uniqueMemberMatch", Syntax: syntaxNameAndUID, Audience: listed},
		to(nobody, octets("2.5.4.35", "userPassword")),
		text("0.9.2342.19200300.100.1.9", "host"),
		single(text(oidApp, "app")),
	}
}

// personTypes are of RFC 2798 and RFC 4524.
func personTypes() []AttributeType {
	return []AttributeType{
		single(text("2.16.840.1.113730.3.1.241", "displayName")),
		text("2.16.840.1.113730.3.1.2", "departmentNumber"),
		to(personal, single(text("2.16.840.1.113730.3.1.3", "employeeNumber"))),
		text("2.16.840.1.113730.3.1.4", "employeeType"),
		single(text("2.16.840.1.113730.3.1.39", "preferredLanguage")),
		{OID: "0.9.2342.19200300.100.1.60", Names: []string{"jpegPhoto"}, Syntax: syntaxJPEG, Audience: listed},
		dn("0.9.2342.19200300.100.1.10", "manager"),
		phone("0.9.2342.19200300.100.1.41", "mobile", "mobileTelephoneNumber"),
		phone("0.9.2342.19200300.100.1.42", "pager", "pagerTelephoneNumber"),
		to(personal, phone("0.9.2342.19200300.100.1.20", "homePhone", "homeTelephoneNumber")),
		to(personal, address("0.9.2342.19200300.100.1.39", "homePostalAddress")),
	}
}

// posixTypes are of RFC 2307 (with the ordering of rfc2307bis), openssh-lpk and
// ldapns.
func posixTypes() []AttributeType {
	uid := exactIA5("1.3.6.1.1.1.1.12", "memberUid")
	uid.Substr = "caseExactIA5SubstringsMatch"
	return []AttributeType{
		integer("1.3.6.1.1.1.1.0", "uidNumber"),
		integer("1.3.6.1.1.1.1.1", "gidNumber"),
		single(ia5("1.3.6.1.1.1.1.2", "gecos")),
		single(exactIA5("1.3.6.1.1.1.1.3", "homeDirectory")),
		single(exactIA5("1.3.6.1.1.1.1.4", "loginShell")),
		integer("1.3.6.1.1.1.1.5", "shadowLastChange"),
		integer("1.3.6.1.1.1.1.6", "shadowMin"),
		integer("1.3.6.1.1.1.1.7", "shadowMax"),
		integer("1.3.6.1.1.1.1.8", "shadowWarning"),
		integer("1.3.6.1.1.1.1.9", "shadowInactive"),
		integer("1.3.6.1.1.1.1.10", "shadowExpire"),
		integer("1.3.6.1.1.1.1.11", "shadowFlag"),
		uid,
		octets("1.3.6.1.4.1.24552.500.1.1.1.13", "sshPublicKey"),
		text("1.3.6.1.4.1.5322.17.2.1", "authorizedService"),
	}
}

// operationalTypes are of RFC 4512 §3.4, RFC 4530, RFC 5020, X.501 and of the
// servers that made them common.
func operationalTypes() []AttributeType {
	boolean := func(oid, name string) AttributeType {
		return operational(AttributeType{OID: oid, Names: []string{name}, Equality: "booleanMatch", Syntax: syntaxBoolean, Single: true, Audience: listed})
	}
	csn := func(oid, name string) AttributeType {
		return operational(AttributeType{OID: oid, Names: []string{name}, Equality: "CSNMatch", Ordering: "CSNOrderingMatch", Syntax: syntaxCSN, Audience: listed})
	}
	uuid := func(oid, name string) AttributeType {
		return operational(AttributeType{OID: oid, Names: []string{name}, Equality: "UUIDMatch", Ordering: "UUIDOrderingMatch", Syntax: syntaxUUID, Single: true, Audience: listed})
	}
	return []AttributeType{
		moment("2.5.18.1", "createTimestamp"),
		moment("2.5.18.2", "modifyTimestamp"),
		to(FullTree|Admin, operational(single(dn("2.5.18.3", "creatorsName")))),
		to(FullTree|Admin, operational(single(dn("2.5.18.4", "modifiersName")))),
		boolean("2.5.18.9", "hasSubordinates"),
		operational(integer("1.3.6.1.4.1.453.16.2.103", "numSubordinates")),
		to(public, operational(single(dn("2.5.18.10", "subschemaSubentry")))),
		to(public, operational(single(oids("2.5.21.9", "structuralObjectClass")))),
		// RFC 4512 §7.1: these names are known, though no entry has them.
		to(public, operational(integer("2.5.21.10", "governingStructureRule"))),
		single(dn("2.5.4.1", "aliasedObjectName")),
		uuid("1.3.6.1.1.16.4", "entryUUID"),
		uuid("2.16.840.1.113730.3.1.542", "nsUniqueId"),
		uuid("2.16.840.1.113730.3.8.3.1", "ipaUniqueID"),
		operational(single(dn("1.3.6.1.1.20", "entryDN"))),
		single(csn("1.3.6.1.4.1.4203.666.1.7", "entryCSN")),
		csn("1.3.6.1.4.1.4203.666.1.25", "contextCSN"),
		operational(dn("1.2.840.113556.1.2.102", "memberOf")),
		operational(dn("1.3.6.1.4.1.42.2.27.9.1.792", "isMemberOf")),
		operational(single(text("2.16.840.1.113730.3.1.610", "nsAccountLock"))),
		to(FullTree|Admin, moment("1.3.6.1.4.1.42.2.27.8.1.16", "pwdChangedTime")),
		to(Admin, moment("1.3.6.1.4.1.42.2.27.8.1.17", "pwdAccountLockedTime")),
		to(Admin, boolean("1.3.6.1.4.1.42.2.27.8.1.22", "pwdReset")),
	}
}

// dseTypes stand in the root DSE (RFC 4512 §5.1, RFC 3045) and in the subschema
// entry (RFC 4512 §4.2).
func dseTypes() []AttributeType {
	plain := func(oid, name, syntax string) AttributeType {
		return server(AttributeType{OID: oid, Names: []string{name}, Syntax: syntax})
	}
	vendor := func(oid, name string) AttributeType {
		return server(AttributeType{OID: oid, Names: []string{name}, Equality: "caseExactMatch", Syntax: syntaxDirectoryString, Single: true})
	}
	described := func(oid, name, syntax string) AttributeType {
		return operational(AttributeType{OID: oid, Names: []string{name}, Equality: "objectIdentifierFirstComponentMatch", Syntax: syntax, Audience: public})
	}
	return []AttributeType{
		plain("1.3.6.1.4.1.1466.101.120.5", "namingContexts", syntaxDN),
		plain("1.3.6.1.4.1.1466.101.120.6", "altServer", syntaxIA5),
		plain("1.3.6.1.4.1.1466.101.120.7", "supportedExtension", syntaxOID),
		plain("1.3.6.1.4.1.1466.101.120.13", "supportedControl", syntaxOID),
		plain("1.3.6.1.4.1.1466.101.120.14", "supportedSASLMechanisms", syntaxDirectoryString),
		plain("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", syntaxInteger),
		server(oids("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures")),
		plain("1.2.840.113556.1.4.521", "defaultNamingContext", syntaxDN),
		vendor("1.3.6.1.1.4", "vendorName"),
		vendor("1.3.6.1.1.5", "vendorVersion"),
		described("2.5.21.4", "matchingRules", syntaxMatchingRule),
		described("2.5.21.8", "matchingRuleUse", syntaxRuleUse),
		described("2.5.21.5", "attributeTypes", syntaxAttributeType),
		described("2.5.21.6", "objectClasses", syntaxObjectClass),
		described("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", syntaxLDAPSyntax),
		described("2.5.21.2", "dITContentRules", syntaxContentRule),
		described("2.5.21.7", "nameForms", syntaxNameForm),
		operational(AttributeType{OID: "2.5.21.1", Names: []string{"dITStructureRules"}, Equality: "integerFirstComponentMatch", Syntax: syntaxStructureRule, Audience: public}),
	}
}
