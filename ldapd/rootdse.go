package ldapd

import "gatehouse/ldapd/wire"

// rootDSE returns the root DSE (RFC 4512 §5.1). Its attributes are operational by the standard, but clients ask for
// them with "*" or with nothing, and every server gives them.
func rootDSE(t *tree, startTLS bool, version string) *staticEntry {
	extensions := []string{wire.OIDWhoAmI}
	if startTLS {
		extensions = append(extensions, wire.OIDStartTLS)
	}
	return &staticEntry{attrs: []staticAttr{
		{name: "objectClass", values: []string{"top"}},
		{name: "namingContexts", values: []string{t.dn}},
		{name: "defaultNamingContext", values: []string{t.dn}},
		{name: "subschemaSubentry", values: []string{subschemaDN}},
		{name: "supportedLDAPVersion", values: []string{"3"}},
		{name: "supportedControl", values: []string{wire.OIDPagedResults, wire.OIDManageDsaIT}},
		{name: "supportedExtension", values: extensions},
		{name: "supportedFeatures", values: []string{wire.OIDAllOperational, wire.OIDObjectClassAttrs, wire.OIDAbsoluteTrueFalse}},
		{name: "vendorName", values: []string{"Gatehouse"}},
		{name: "vendorVersion", values: []string{version}},
	}}
}
