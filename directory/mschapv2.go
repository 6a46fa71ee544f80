package directory

import (
	"crypto/subtle"
	"fmt"

	"gatehouse/directory/credential"
	"gatehouse/directory/seal"
)

// mschapv2 looks for the network password whose NT hash made the response. No
// other kind has one: a sign-in password never answers a challenge.
func (t *trial) mschapv2(p MSCHAPv2Proof) (bool, error) {
	if t.person == nil {
		return false, nil
	}
	exchange := credential.MSCHAPv2{
		AuthenticatorChallenge: p.AuthenticatorChallenge, PeerChallenge: p.PeerChallenge, UserName: p.UserName,
	}
	found, held := false, false
	for _, c := range t.person.credentials {
		if c.Kind != CredentialNetworkPassword {
			continue
		}
		held = true
		opened := openedHash{c.ID, c.Version}
		hash, known := t.d.ntHashes.get(opened)
		if !known {
			var err error
			if hash, err = t.d.openNTHash(seal.Network, &c); err != nil {
				return false, err
			}
		}
		want := exchange.Response(hash)
		if subtle.ConstantTimeCompare(want[:], p.Response[:]) != 1 {
			continue
		}
		if !known {
			t.d.ntHashes.add(opened, hash)
		}
		t.used, found = c, true
		t.dec.MSCHAPv2 = &MSCHAPv2Keys{AuthenticatorResponse: exchange.AuthenticatorResponse(hash, p.Response)}
		t.dec.MSCHAPv2.RecvKey, t.dec.MSCHAPv2.SendKey = credential.MSCHAPv2Keys(hash, p.Response)
	}
	switch {
	case !held:
		t.amiss = "MS-CHAPv2 takes network passwords only, and there is none: gatehouse network-password create " + t.person.user.Username
	case !found:
		t.amiss = "none of the network passwords gives this response; a sign-in password never does"
	}
	return found, nil
}

// ntHashLimit is how many opened NT hashes a process keeps.
const ntHashLimit = 20_000

// openedHash names the NT hash of a network password that has answered a challenge.
// To unseal one costs as much as the rest of the decision, and a device comes back
// again and again. It is kept by the rules of verifiedCache: successes only, as long,
// at a version of a credential that was read anew; whoever can read this process's
// memory has the key that opens all of them.
type openedHash struct {
	id      CredentialID
	version int64
}

func (d *Directory) openNTHash(p seal.Purpose, c *Credential) (hash [16]byte, err error) {
	b, err := d.keys.open(p, c.place(), c.Sealed)
	if err == nil && copy(hash[:], b) != len(b) {
		err = fmt.Errorf("an NT hash of %d octets", len(b))
	}
	if err != nil {
		return hash, fmt.Errorf("open network password %d: %w", c.ID, err)
	}
	return hash, nil
}
