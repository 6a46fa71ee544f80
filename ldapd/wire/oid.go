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

	OIDSort             = "1.2.840.113556.1.4.473"    // RFC 2891
	OIDSortResponse     = "1.2.840.113556.1.4.474"    // RFC 2891
	OIDListView         = "2.16.840.1.113730.3.4.9"   // draft-ietf-ldapext-ldapv3-vlv
	OIDListViewResponse = "2.16.840.1.113730.3.4.10"  // draft-ietf-ldapext-ldapv3-vlv
	OIDAssertion        = "1.3.6.1.1.12"              // RFC 4528
	OIDPreRead          = "1.3.6.1.1.13.1"            // RFC 4527
	OIDPostRead         = "1.3.6.1.1.13.2"            // RFC 4527
	OIDMatchedValues    = "1.2.826.0.1.3344810.2.3"   // RFC 3876
	OIDDeref            = "1.3.6.1.4.1.4203.666.5.16" // draft-masarati-ldap-deref
	OIDPermissiveModify = "1.2.840.113556.1.4.1413"   // [MS-ADTS] LDAP_SERVER_PERMISSIVE_MODIFY_OID
	OIDPasswordPolicy   = "1.3.6.1.4.1.42.2.27.8.5.1" // draft-behera-ldap-password-policy

	OIDModifyIncrement = "1.3.6.1.1.14" // RFC 4525

	OIDAllOperational    = "1.3.6.1.4.1.4203.1.5.1" // RFC 3673
	OIDObjectClassAttrs  = "1.3.6.1.4.1.4203.1.5.2" // RFC 4529
	OIDAbsoluteTrueFalse = "1.3.6.1.4.1.4203.1.5.3" // RFC 4526

	OIDMatchBitAnd  = "1.2.840.113556.1.4.803"  // [MS-ADTS] LDAP_MATCHING_RULE_BIT_AND
	OIDMatchBitOr   = "1.2.840.113556.1.4.804"  // [MS-ADTS] LDAP_MATCHING_RULE_BIT_OR
	OIDMatchInChain = "1.2.840.113556.1.4.1941" // [MS-ADTS] LDAP_MATCHING_RULE_TRANSITIVE_EVAL
)
