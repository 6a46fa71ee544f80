package schema

// The arcs of Samba's own schema, samba.schema of its distribution.
const (
	oidSambaType  = "1.3.6.1.4.1.7165.2.1."
	oidSambaClass = "1.3.6.1.4.1.7165.2.2."
)

// sambaTypes are those of Samba's attribute types that have values here. Each
// differs in one thing from Samba's own: sambaNTPassword has no equality rule,
// because nobody is to find a hash by guessing it.
func sambaTypes() []AttributeType {
	number := func(oid, name string) AttributeType {
		t := to(personal, integer(oidSambaType+oid, name))
		t.Ordering = ""
		return t
	}
	line := func(oid, name string) AttributeType {
		t := to(personal, single(ia5(oidSambaType+oid, name)))
		t.Substr = ""
		return t
	}
	sid := line("20", "sambaSID")
	sid.Substr = "caseExactIA5SubstringsMatch"
	domain := text(oidSambaType+"38", "sambaDomainName")
	domain.Substr, domain.Audience = "", personal
	hash := to(Samba, line("25", "sambaNTPassword"))
	hash.Equality = ""
	return []AttributeType{
		sid,
		line("23", "sambaPrimaryGroupSID"),
		hash,
		line("26", "sambaAcctFlags"),
		number("27", "sambaPwdLastSet"),
		number("32", "sambaKickoffTime"),
		number("19", "sambaGroupType"),
		domain,
		number("40", "sambaAlgorithmicRidBase"),
		number("58", "sambaMinPwdLength"),
		number("59", "sambaPwdHistoryLength"),
		number("60", "sambaLogonToChgPwd"),
		number("61", "sambaMaxPwdAge"),
		number("62", "sambaMinPwdAge"),
		number("63", "sambaLockoutDuration"),
		number("64", "sambaLockoutObservationWindow"),
		number("65", "sambaLockoutThreshold"),
		number("66", "sambaForceLogoff"),
		number("67", "sambaRefuseMachinePwdChange"),
	}
}

// sambaClasses are Samba's object classes of people, groups and the domain.
func sambaClasses() []ObjectClass {
	return []ObjectClass{
		{oidSambaClass + "6", "sambaSamAccount", "top", Auxiliary, names("uid sambaSID"), names("cn sambaNTPassword sambaPwdLastSet sambaKickoffTime sambaAcctFlags displayName description sambaPrimaryGroupSID sambaDomainName")},
		{oidSambaClass + "4", "sambaGroupMapping", "top", Auxiliary, names("gidNumber sambaSID sambaGroupType"), names("displayName description")},
		{oidSambaClass + "5", "sambaDomain", "top", Structural, names("sambaDomainName sambaSID"), names("sambaAlgorithmicRidBase " +
			"sambaMinPwdLength sambaPwdHistoryLength sambaLogonToChgPwd sambaMaxPwdAge sambaMinPwdAge sambaLockoutDuration " +
			"sambaLockoutObservationWindow sambaLockoutThreshold sambaForceLogoff sambaRefuseMachinePwdChange")},
	}
}
