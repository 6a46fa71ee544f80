package oidc

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/directory/schema"
)

// accessClaims are the claims of an access token (RFC 9068 §2.2). Family leads to
// the row that says whether it still counts; it is empty for a client's own
// token.
type accessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Family   string   `json:"family,omitempty"`
}

// hintClaims is what is read from an ID token that comes back as a hint.
type hintClaims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	SID      string `json:"sid"`
}

// The scopes that mean something here. Others are left out of what is granted.
const (
	scopeOpenID  = "openid"
	scopeProfile = "profile"
	scopeEmail   = "email"
	scopePhone   = "phone"
	scopeAddress = "address"
	scopeGroups  = "groups"
	scopeOffline = "offline_access"
)

func knownScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeAddress, scopeGroups, scopeOffline}
}

// claimRow is a stored attribute that a scope releases.
type claimRow struct {
	key    string // of the attribute
	member string // of the claim, when that is an object ("locality" of address)
	claim  string
	scope  string
}

// claimRows is the part of the attribute table that the standard scopes release
// (OpenID Connect Core §5.4).
func claimRows() []claimRow {
	profile := []string{"family_name", "given_name", "middle_name", "nickname", "profile", "zoneinfo", "locale"}
	var out []claimRow
	for _, a := range schema.Attributes() {
		row := claimRow{key: a.Key, claim: a.OIDC}
		claim, member, nested := strings.Cut(a.OIDC, ".")
		switch {
		case a.Computed:
			continue
		case slices.Contains(profile, a.OIDC):
			row.scope = scopeProfile
		case a.OIDC == "phone_number":
			row.scope = scopePhone
		case nested && claim == "address":
			row.scope, row.claim, row.member = scopeAddress, claim, member
		default:
			continue
		}
		out = append(out, row)
	}
	return out
}

// userClaims returns the claims about a person that the scopes ask for (OpenID
// Connect Core §5.1, §5.4). They go into the ID token and the userinfo answer
// alike: ordinary clients read the address from the ID token.
func userClaims(rows []claimRow, u *directory.User, groups []directory.Group, scope []string) map[string]any {
	out := map[string]any{"sub": u.UID}
	address := make(map[string]string)
	for _, row := range rows {
		value := u.Profile.First(row.key)
		switch {
		case value == "" || !slices.Contains(scope, row.scope):
		case row.member != "":
			address[row.member] = value
		default:
			out[row.claim] = value
		}
	}
	if len(address) > 0 {
		out["address"] = address
	}
	if slices.Contains(scope, scopeProfile) {
		out["name"], out["preferred_username"], out["updated_at"] = u.DisplayName(), u.Username, unix(u.Updated)
	}
	if e := u.Email(); slices.Contains(scope, scopeEmail) && e.Address != "" {
		out["email"], out["email_verified"] = e.Address, e.Verified
	}
	if slices.Contains(scope, scopeProfile) || slices.Contains(scope, scopeGroups) {
		names := make([]string, len(groups))
		for i, g := range groups {
			names[i] = g.Name
		}
		out["groups"] = names
	}
	return out
}

// methods returns the amr values of factors (RFC 8176 §2).
func methods(factors []directory.Factor) []string {
	var out []string
	for _, f := range factors {
		switch f {
		case directory.FactorPassword, directory.FactorAppPassword:
			out = append(out, "pwd")
		case directory.FactorTOTP, directory.FactorEmailCode, directory.FactorRecoveryCode:
			out = append(out, "otp")
		case directory.FactorPasskey:
			out = append(out, "hwk")
		case directory.FactorCertificate, directory.FactorPeer:
		}
	}
	if len(factors) > 1 {
		out = append(out, "mfa")
	}
	return out
}

// halfHash is the at_hash of an access token, for a token signed with SHA-256
// (OpenID Connect Core §3.1.3.6).
func halfHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return encode64(sum[:16])
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
