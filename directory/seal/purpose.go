package seal

import "slices"

// Purpose is what a key ring is for. Rings are independent: a process loads
// only those of its own work.
type Purpose string

// The purposes.
const (
	Signing Purpose = "signing" // token and assertion signing keys (idp)
	CA      Purpose = "ca"      // private keys of the issuing authorities (idp, CLI)
	Network Purpose = "network" // NT hashes of network passwords (radiusd opens, all seal)
	Samba   Purpose = "samba"   // NT hashes for sambaNTPassword (ldapd with that profile)
	TOTP    Purpose = "totp"    // TOTP seeds
	Clients Purpose = "clients" // RADIUS, OIDC and SCIM target secrets
	Jobs    Purpose = "jobs"    // payloads of background work
	Audit   Purpose = "audit"   // audit chains and checkpoints
	Lookup  Purpose = "lookup"  // MACs that every daemon must agree on: generated secrets, limiter keys, cookies, Class
)

// Purposes returns all purposes.
func Purposes() []Purpose {
	return []Purpose{Signing, CA, Network, Samba, TOTP, Clients, Jobs, Audit, Lookup}
}

// asymmetric reports whether values of the purpose are sealed to a public key.
func (p Purpose) asymmetric() bool { return p == Network }

func (p Purpose) valid() bool { return slices.Contains(Purposes(), p) }
