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
		hash, err := t.d.openNTHash(seal.Network, &c)
		if err != nil {
			return false, err
		}
		want := exchange.Response(hash)
		if subtle.ConstantTimeCompare(want[:], p.Response[:]) != 1 {
			continue
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
