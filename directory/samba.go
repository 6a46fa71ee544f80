package directory

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatehouse/directory/seal"
)

// SettingSambaSID is the security identifier of this directory as Samba servers
// see it, S-1-5-21 and three numbers. It is made once: files on their disks carry
// it, so it stays when everything else is renamed.
const SettingSambaSID = "samba_sid"

// newSambaSID makes the identifier of a domain ([MS-DTYP] §2.4.2.4: three numbers
// of 32 bits that nobody else has).
func newSambaSID(random io.Reader) (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a SID: %w", err)
	}
	n := binary.LittleEndian
	return fmt.Sprintf("S-1-5-21-%d-%d-%d", n.Uint32(b[:]), n.Uint32(b[4:]), n.Uint32(b[8:])), nil
}

// SambaHashes returns the NT hashes of the Samba passwords of users, in
// hexadecimal, to whoever holds read:samba at this moment. Whoever has none, may
// do nothing at this moment or has one that has expired is left out. What is
// returned signs in at a Samba server: it goes to one, over TLS, and nowhere else.
func (d *Directory) SambaHashes(ctx context.Context, by Actor, users []UserID) (map[UserID]Secret, error) {
	hashes := map[UserID]Secret{}
	err := d.read(ctx, func(r *Reader) error {
		clear(hashes)
		by, err := r.narrowed(by)
		if err != nil {
			return err
		}
		if !allowed(by, VerbReadSamba, target{}) {
			return denied(by, VerbReadSamba)
		}
		for ids := range slices.Chunk(users, pageSize) {
			if err := d.openSamba(r, ids, hashes); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

// openSamba adds the hashes of users who may sign in.
func (d *Directory) openSamba(r *Reader, ids []UserID, hashes map[UserID]Secret) error {
	standingOf := map[UserID]Reason{}
	for u, err := range r.tx.Users.Find(UserQuery{IDs: ids}) {
		if err != nil {
			return err
		}
		standingOf[u.ID] = standing(&u, r.now)
	}
	for c, err := range r.tx.Credentials.Find(CredentialQuery{Users: ids, Kinds: []CredentialKind{CredentialSambaPassword}}) {
		if err != nil {
			return err
		}
		if standingOf[c.User] != ReasonOK || !inForce(time.Time{}, c.Expires, r.now) {
			continue
		}
		hash, err := d.openNTHash(seal.Samba, &c)
		if err != nil {
			return err
		}
		hashes[c.User] = Secret(strings.ToUpper(hex.EncodeToString(hash[:])))
	}
	return nil
}
