// Package schema is what every protocol calls the attributes of a user: one
// table with the SCIM path (RFC 7643), the LDAP attribute types (RFC 4519, 2798,
// 4524, 2307, openssh-lpk), the OIDC claim (OpenID Connect Core §5.1) and the
// SAML attribute of each, and who may see and write it. Beside it stand the LDAP
// attribute types, object classes, syntaxes and matching rules that a subschema
// entry prints (RFC 4512 §4.2), and the configuration of app facets, RADIUS
// clients and SCIM sources with its checks.
//
// Everything is data: the functions return fresh copies, and a caller on a hot
// path builds its own index once. The package reads no directory and knows no
// user.
package schema
