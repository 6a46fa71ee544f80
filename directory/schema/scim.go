package schema

import (
	"fmt"
	"slices"
)

// The values of SCIMSource.Emails.
const (
	EmailsUnverified = "unverified"
	EmailsTrusted    = "trusted"
)

// SCIMSource is the configuration of an upstream that pushes users in. Its
// tokens are kept beside it.
type SCIMSource struct {
	// Profile is "lenient" (default), "rfc", "entra", "okta" or "onelogin".
	Profile string `json:"profile,omitempty" yaml:"profile"`
	// Writable names the attributes that are off unless listed: password,
	// uidNumber, gidNumber, sshPublicKey.
	Writable []string `json:"writable,omitempty" yaml:"writable"`
	// WritableGroups are groups of others that the source may fill.
	WritableGroups []string `json:"writable_groups,omitempty" yaml:"writable_groups"`
	// Emails is EmailsTrusted when the source vouches for its addresses; else
	// (default) they are unverified and recover nothing.
	Emails string `json:"emails,omitempty" yaml:"emails"`
	// Networks it may come from; empty: any.
	Networks []string `json:"networks,omitempty" yaml:"networks"`
}

// RestrictedAttributes returns the attributes that a source writes only when
// they are listed as writable.
func RestrictedAttributes() []string {
	return []string{"password", "uidNumber", "gidNumber", "sshPublicKey"}
}

// WithDefaults returns s with the defaults filled in.
func (s SCIMSource) WithDefaults() SCIMSource {
	s.Profile = orElse(s.Profile, "lenient")
	s.Emails = orElse(s.Emails, EmailsUnverified)
	return s
}

// EmailsTrusted reports whether the source's addresses count as verified.
func (s SCIMSource) EmailsTrusted() bool { return s.Emails == EmailsTrusted }

// MayWrite reports whether the source may write an attribute (a canonical key,
// or "password").
func (s SCIMSource) MayWrite(attribute string) bool {
	return !slices.Contains(RestrictedAttributes(), attribute) || slices.Contains(s.Writable, attribute)
}

// Check accepts the closed values and networks. Whether the groups exist is for
// the directory to say.
func (s SCIMSource) Check() error {
	if err := oneOf("profile", s.Profile, "", "lenient", "rfc", "entra", "okta", "onelogin"); err != nil {
		return err
	}
	for _, w := range s.Writable {
		if err := oneOf("writable", w, RestrictedAttributes()...); err != nil {
			return err
		}
	}
	if len(s.WritableGroups) > 10_000 || slices.Contains(s.WritableGroups, "") {
		return fmt.Errorf("writable_groups: an empty name, or more than 10000")
	}
	if err := oneOf("emails", s.Emails, "", EmailsTrusted, EmailsUnverified); err != nil {
		return err
	}
	if err := CheckNetworks(s.Networks); err != nil {
		return fmt.Errorf("networks: %w", err)
	}
	return nil
}
