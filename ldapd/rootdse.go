package ldapd

import (
	"maps"
	"slices"

	"gatehouse/ldapd/wire"
)

// rootDSE returns the root DSE (RFC 4512 §5.1) as a connection with these SASL mechanisms sees it. Its attributes are
// operational by the standard, but clients ask for them with "*" or with nothing, and every server gives them.
func (s *Server) rootDSE(offered mechanisms) *staticEntry {
	extensions := []string{wire.OIDWhoAmI, wire.OIDPasswordModify, wire.OIDCancel}
	if s.c.TLS != nil {
		extensions = append(extensions, wire.OIDStartTLS)
	}
	return &staticEntry{attrs: []staticAttr{
		{name: "objectClass", values: []string{"top"}},
		{name: "namingContexts", values: []string{s.tree.dn}},
		{name: "defaultNamingContext", values: []string{s.tree.dn}},
		{name: "subschemaSubentry", values: []string{subschemaDN}},
		{name: "supportedLDAPVersion", values: []string{"3"}},
		{name: "supportedControl", values: slices.Sorted(maps.Keys(s.controls))},
		{name: "supportedExtension", values: extensions},
		{name: "supportedFeatures", values: []string{
			wire.OIDAllOperational, wire.OIDObjectClassAttrs, wire.OIDAbsoluteTrueFalse, wire.OIDModifyIncrement,
		}},
		// RFC 4513 §5.2.4: what a mechanism needs may come with TLS, so clients ask again after StartTLS.
		{name: "supportedSASLMechanisms", values: offered.names()},
		{name: "vendorName", values: []string{"Gatehouse"}},
		{name: "vendorVersion", values: []string{s.c.Version}},
	}}
}
