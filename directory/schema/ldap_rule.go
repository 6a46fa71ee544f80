package schema

import "fmt"

// Syntaxes of RFC 4517 §3.3, RFC 4530 and OpenLDAP.
const (
	syntaxPrefix          = "1.3.6.1.4.1.1466.115.121.1."
	syntaxAttributeType   = syntaxPrefix + "3"
	syntaxBoolean         = syntaxPrefix + "7"
	syntaxCountry         = syntaxPrefix + "11"
	syntaxDN              = syntaxPrefix + "12"
	syntaxDirectoryString = syntaxPrefix + "15"
	syntaxContentRule     = syntaxPrefix + "16"
	syntaxStructureRule   = syntaxPrefix + "17"
	syntaxFacsimile       = syntaxPrefix + "22"
	syntaxGeneralizedTime = syntaxPrefix + "24"
	syntaxIA5             = syntaxPrefix + "26"
	syntaxInteger         = syntaxPrefix + "27"
	syntaxJPEG            = syntaxPrefix + "28"
	syntaxMatchingRule    = syntaxPrefix + "30"
	syntaxNameAndUID      = syntaxPrefix + "34"
	syntaxNameForm        = syntaxPrefix + "35"
	syntaxNumericString   = syntaxPrefix + "36"
	syntaxRuleUse         = syntaxPrefix + "31"
	syntaxObjectClass     = syntaxPrefix + "37"
	syntaxOID             = syntaxPrefix + "38"
	syntaxOctetString     = syntaxPrefix + "40"
	syntaxPostalAddress   = syntaxPrefix + "41"
	syntaxTelephone       = syntaxPrefix + "50"
	syntaxLDAPSyntax      = syntaxPrefix + "54"
	syntaxSubstring       = syntaxPrefix + "58"
	syntaxUUID            = "1.3.6.1.1.16.1"
	syntaxCSN             = "1.3.6.1.4.1.4203.666.11.2.1"
)

// Syntax is an LDAP syntax (RFC 4512 §4.1.5).
type Syntax struct {
	OID  string
	Desc string
}

// String returns the SyntaxDescription of RFC 4512 §4.1.5.
func (s Syntax) String() string { return fmt.Sprintf("( %s DESC '%s' )", s.OID, s.Desc) }

// Syntaxes returns the syntaxes that attribute types and rules use.
func Syntaxes() []Syntax {
	return []Syntax{
		{syntaxAttributeType, "Attribute Type Description"},
		{syntaxBoolean, "Boolean"},
		{syntaxCountry, "Country String"},
		{syntaxDN, "DN"},
		{syntaxDirectoryString, "Directory String"},
		{syntaxContentRule, "DIT Content Rule Description"},
		{syntaxStructureRule, "DIT Structure Rule Description"},
		{syntaxFacsimile, "Facsimile Telephone Number"},
		{syntaxGeneralizedTime, "Generalized Time"},
		{syntaxIA5, "IA5 String"},
		{syntaxInteger, "INTEGER"},
		{syntaxJPEG, "JPEG"},
		{syntaxMatchingRule, "Matching Rule Description"},
		{syntaxRuleUse, "Matching Rule Use Description"},
		{syntaxNameAndUID, "Name And Optional UID"},
		{syntaxNameForm, "Name Form Description"},
		{syntaxNumericString, "Numeric String"},
		{syntaxObjectClass, "Object Class Description"},
		{syntaxOID, "OID"},
		{syntaxOctetString, "Octet String"},
		{syntaxPostalAddress, "Postal Address"},
		{syntaxTelephone, "Telephone Number"},
		{syntaxLDAPSyntax, "LDAP Syntax Description"},
		{syntaxSubstring, "Substring Assertion"},
		{syntaxUUID, "UUID"},
		{syntaxCSN, "CSN"},
	}
}

// MatchingRule is an LDAP matching rule (RFC 4512 §4.1.3). Syntax is that of
// the assertion value.
type MatchingRule struct {
	OID    string
	Name   string
	Syntax string
}

// String returns the MatchingRuleDescription of RFC 4512 §4.1.3.
func (r MatchingRule) String() string {
	return fmt.Sprintf("( %s NAME '%s' SYNTAX %s )", r.OID, r.Name, r.Syntax)
}

// MatchingRules returns the rules of RFC 4517 §4.2, RFC 4530 and OpenLDAP that
// attribute types name, and the extensible ones of Active Directory that
// filters may name.
func MatchingRules() []MatchingRule {
	return []MatchingRule{
		{"2.5.13.0", "objectIdentifierMatch", syntaxOID},
		{"2.5.13.1", "distinguishedNameMatch", syntaxDN},
		{"2.5.13.2", "caseIgnoreMatch", syntaxDirectoryString},
		{"2.5.13.3", "caseIgnoreOrderingMatch", syntaxDirectoryString},
		{"2.5.13.4", "caseIgnoreSubstringsMatch", syntaxSubstring},
		{"2.5.13.5", "caseExactMatch", syntaxDirectoryString},
		{"2.5.13.6", "caseExactOrderingMatch", syntaxDirectoryString},
		{"2.5.13.7", "caseExactSubstringsMatch", syntaxSubstring},
		{"2.5.13.8", "numericStringMatch", syntaxNumericString},
		{"2.5.13.9", "numericStringOrderingMatch", syntaxNumericString},
		{"2.5.13.10", "numericStringSubstringsMatch", syntaxSubstring},
		{"2.5.13.11", "caseIgnoreListMatch", syntaxPostalAddress},
		{"2.5.13.12", "caseIgnoreListSubstringsMatch", syntaxSubstring},
		{"2.5.13.13", "booleanMatch", syntaxBoolean},
		{"2.5.13.14", "integerMatch", syntaxInteger},
		{"2.5.13.15", "integerOrderingMatch", syntaxInteger},
		{"2.5.13.17", "octetStringMatch", syntaxOctetString},
		{"2.5.13.20", "telephoneNumberMatch", syntaxTelephone},
		{"2.5.13.21", "telephoneNumberSubstringsMatch", syntaxSubstring},
		{"2.5.13.23", "uniqueMemberMatch", syntaxNameAndUID},
		{"2.5.13.27", "generalizedTimeMatch", syntaxGeneralizedTime},
		{"2.5.13.28", "generalizedTimeOrderingMatch", syntaxGeneralizedTime},
		{"2.5.13.29", "integerFirstComponentMatch", syntaxInteger},
		{"2.5.13.30", "objectIdentifierFirstComponentMatch", syntaxOID},
		{"1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", syntaxIA5},
		{"1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", syntaxIA5},
		{"1.3.6.1.4.1.1466.109.114.3", "caseIgnoreIA5SubstringsMatch", syntaxSubstring},
		{"1.3.6.1.4.1.4203.1.2.1", "caseExactIA5SubstringsMatch", syntaxSubstring},
		{"1.3.6.1.1.16.2", "UUIDMatch", syntaxUUID},
		{"1.3.6.1.1.16.3", "UUIDOrderingMatch", syntaxUUID},
		{"1.3.6.1.4.1.4203.666.11.2.2", "CSNMatch", syntaxCSN},
		{"1.3.6.1.4.1.4203.666.11.2.3", "CSNOrderingMatch", syntaxCSN},
		{"1.2.840.113556.1.4.803", "integerBitAndMatch", syntaxInteger},
		{"1.2.840.113556.1.4.804", "integerBitOrMatch", syntaxInteger},
		{"1.2.840.113556.1.4.1941", "inChainMatch", syntaxDN},
	}
}

// MatchingRuleUse lists the attribute types that a rule can be applied to in an
// extensible filter (RFC 4512 §4.1.4).
type MatchingRuleUse struct {
	Rule    MatchingRule
	Applies []string
}

// String returns the MatchingRuleUseDescription of RFC 4512 §4.1.4.
func (u MatchingRuleUse) String() string {
	return fmt.Sprintf("( %s NAME '%s' APPLIES %s )", u.Rule.OID, u.Rule.Name, oidList(u.Applies))
}

// MatchingRuleUses returns the use of every equality rule, and of the rules that
// only filters name.
func MatchingRuleUses() []MatchingRuleUse {
	applies := map[string][]string{}
	for _, t := range LDAPTypes() {
		if t.Equality == "" || t.Audience == nobody {
			continue
		}
		applies[t.Equality] = append(applies[t.Equality], t.Name())
		if t.Equality == "integerMatch" {
			applies["integerBitAndMatch"] = append(applies["integerBitAndMatch"], t.Name())
			applies["integerBitOrMatch"] = append(applies["integerBitOrMatch"], t.Name())
		}
	}
	applies["inChainMatch"] = []string{"member", "uniqueMember", "memberOf", "isMemberOf"}
	var uses []MatchingRuleUse
	for _, r := range MatchingRules() {
		if list := applies[r.Name]; len(list) > 0 {
			uses = append(uses, MatchingRuleUse{r, list})
		}
	}
	return uses
}
