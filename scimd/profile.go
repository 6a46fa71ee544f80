package scimd

import "gatehouse/scimd/filter"

// Profile says which kind of upstream a source is, and so how far from the
// standard its requests may be.
type Profile string

// The profiles. The empty one is ProfileLenient.
const (
	ProfileLenient  Profile = "lenient"  // everything that is known of any provisioner
	ProfileRFC      Profile = "rfc"      // RFC 7643 and 7644, nothing else
	ProfileEntra    Profile = "entra"    // Microsoft Entra ID
	ProfileOkta     Profile = "okta"     // Okta
	ProfileOneLogin Profile = "onelogin" // OneLogin
)

// filterOptions returns how filters and paths of the profile are read. Values
// without quotes come from home-made clients and OneLogin; Entra ID and Okta
// quote, so there an unquoted value is a mistake worth an answer.
func (p Profile) filterOptions() filter.Options {
	return filter.Options{Unquoted: p == "" || p == ProfileLenient || p == ProfileOneLogin}
}
