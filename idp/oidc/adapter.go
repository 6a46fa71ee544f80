package oidc

import (
	"slices"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// metadata is what an issuer says about itself: zitadel's type for OpenID
// Connect Discovery §3 and RFC 8414 §2, and what that does not have.
type metadata struct {
	oidc.DiscoveryConfiguration
	IssInResponse bool `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
}

// metadata returns the document of one issuer; slug is empty for the site's.
func (s *Server) metadata(slug string) metadata {
	i := s.issuers
	issuer := i.site()
	if slug != "" {
		issuer = i.app(slug)
	}
	secrets := []oidc.AuthMethod{oidc.AuthMethodBasic, oidc.AuthMethodPost}
	return metadata{IssInResponse: true, DiscoveryConfiguration: oidc.DiscoveryConfiguration{
		Issuer:                                    issuer,
		AuthorizationEndpoint:                     i.endpoint(slug, endpointAuthorize),
		TokenEndpoint:                             i.endpoint(slug, endpointToken),
		IntrospectionEndpoint:                     i.endpoint(slug, endpointIntrospect),
		UserinfoEndpoint:                          i.endpoint(slug, endpointUserinfo),
		RevocationEndpoint:                        i.endpoint(slug, endpointRevoke),
		EndSessionEndpoint:                        i.endpoint(slug, endpointEndSession),
		JwksURI:                                   i.endpoint(slug, endpointKeys),
		ScopesSupported:                           knownScopes(),
		ResponseTypesSupported:                    []string{string(oidc.ResponseTypeCode)},
		ResponseModesSupported:                    []string{"query"},
		GrantTypesSupported:                       []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials},
		SubjectTypesSupported:                     []string{"public"},
		IDTokenSigningAlgValuesSupported:          []string{RS256, ES256},
		TokenEndpointAuthMethodsSupported:         append(slices.Clone(secrets), oidc.AuthMethodNone),
		RevocationEndpointAuthMethodsSupported:    append(slices.Clone(secrets), oidc.AuthMethodNone),
		IntrospectionEndpointAuthMethodsSupported: secrets,
		ClaimTypesSupported:                       []string{"normal"},
		ClaimsSupported:                           s.claimsSupported(),
		CodeChallengeMethodsSupported:             []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
	}}
}

func (s *Server) claimsSupported() []string {
	out := []string{
		"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "amr", "sid",
		"name", "preferred_username", "email", "email_verified", "groups", "updated_at",
	}
	for _, row := range s.claims {
		if !slices.Contains(out, row.claim) {
			out = append(out, row.claim)
		}
	}
	return out
}
