package wire

// Object identifiers of extended operations, controls, features and matching rules.
const (
	OIDNoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"  // RFC 4511 §4.4.1
	OIDStartTLS              = "1.3.6.1.4.1.1466.20037"  // RFC 4511 §4.14
	OIDWhoAmI                = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
	OIDPasswordModify        = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062
	OIDCancel                = "1.3.6.1.1.8"             // RFC 3909

	OIDPagedResults = "1.2.840.113556.1.4.319"  // RFC 2696
	OIDManageDsaIT  = "2.16.840.1.113730.3.4.2" // RFC 3296

	OIDAllOperational    = "1.3.6.1.4.1.4203.1.5.1" // RFC 3673
	OIDObjectClassAttrs  = "1.3.6.1.4.1.4203.1.5.2" // RFC 4529
	OIDAbsoluteTrueFalse = "1.3.6.1.4.1.4203.1.5.3" // RFC 4526

	OIDMatchBitAnd  = "1.2.840.113556.1.4.803"  // [MS-ADTS] LDAP_MATCHING_RULE_BIT_AND
	OIDMatchBitOr   = "1.2.840.113556.1.4.804"  // [MS-ADTS] LDAP_MATCHING_RULE_BIT_OR
	OIDMatchInChain = "1.2.840.113556.1.4.1941" // [MS-ADTS] LDAP_MATCHING_RULE_TRANSITIVE_EVAL
)
