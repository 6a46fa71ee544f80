package schema

import (
	"fmt"
	"strings"
)

// maxMetadata bounds the metadata of a service provider, in bytes.
const maxMetadata = 256 << 10

// SAML is the facet of a SAML 2.0 service provider.
type SAML struct {
	// EntityID is what the service provider calls itself.
	EntityID string `json:"entity_id" yaml:"entity_id"`
	// Metadata is the service provider's metadata document.
	Metadata string `json:"metadata,omitempty" yaml:"metadata"`
	// NameID is "username", "email", "persistent" (default) or "transient".
	NameID string `json:"name_id,omitempty" yaml:"name_id"`
	// Attributes maps the service provider's names to canonical keys; empty: all
	// under their object identifiers.
	Attributes map[string]string `json:"attributes,omitempty" yaml:"attributes"`
	// SignAssertion, SignResponse and EncryptAssertion say what is protected;
	// when neither is signed, the assertion is.
	SignAssertion    bool `json:"sign_assertion,omitempty" yaml:"sign_assertion"`
	SignResponse     bool `json:"sign_response,omitempty" yaml:"sign_response"`
	EncryptAssertion bool `json:"encrypt_assertion,omitempty" yaml:"encrypt_assertion"`
}

// WithDefaults returns s with the defaults filled in.
func (s SAML) WithDefaults() SAML {
	s.NameID = orElse(s.NameID, "persistent")
	s.SignAssertion = s.SignAssertion || !s.SignResponse
	return s
}

// Key returns the entity id.
func (s SAML) Key() string { return s.EntityID }

// Maps reports whether the service provider has a name of its own for the
// attribute that is kept under a key.
func (s SAML) Maps(key string) bool {
	for _, ours := range s.Attributes {
		if ours == key {
			return true
		}
	}
	return false
}

// Check accepts an entity id of 1 to 1024 characters (SAML 2.0 Core §8.3.6),
// known attributes and a known name id.
func (s SAML) Check() error {
	if s.EntityID == "" || len(s.EntityID) > 1024 || strings.ContainsFunc(s.EntityID, func(r rune) bool { return r <= ' ' }) {
		return fmt.Errorf("entity_id: %q is not 1 to 1024 characters without spaces", s.EntityID)
	}
	if len(s.Metadata) > maxMetadata {
		return fmt.Errorf("metadata: is larger than %d bytes", maxMetadata)
	}
	for theirs, ours := range s.Attributes {
		if theirs == "" || len(theirs) > 256 {
			return fmt.Errorf("attributes: %q is not a name", theirs)
		}
		if _, ok := find(func(a Attribute) bool { return a.Key == ours }); !ok {
			return fmt.Errorf("attributes: %s: there is no attribute %q", theirs, ours)
		}
	}
	return oneOf("name_id", s.NameID, "", "username", "email", "persistent", "transient")
}
