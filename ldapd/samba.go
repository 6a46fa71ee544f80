package ldapd

import (
	"context"
	"strings"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/projection"
	"gatehouse/ldapd/wire"
)

// audience is what a requester who reads the whole tree sees. An NT hash is as good as the password at a Samba server,
// so it is shown to such a server alone, and never without TLS, not even on this machine.
func (op *operation) audience() schema.Audience {
	if op.c.secure && op.who.actor.Has(directory.ReadSamba) {
		return schema.FullTree | schema.Samba
	}
	return schema.FullTree
}

// readHashes reads the NT hashes of users, as they are at this moment, for the entries that are sent next.
func (op *operation) readHashes(ctx context.Context, want *projection.Selection, users []directory.UserID) error {
	want.SetHashes(nil)
	if len(users) == 0 {
		return nil
	}
	hashes, err := op.c.s.c.Directory.SambaHashes(ctx, op.who.actor, users)
	if err != nil {
		op.err = err
		return err
	}
	want.SetHashes(hashes)
	return nil
}

// newSambaDomain refuses what a Samba server adds when it does not find itself: an entry for its own name. The sentence
// is printed in its log.
func newSambaDomain(rdn wire.RDN) error {
	for _, ava := range rdn {
		if strings.EqualFold(ava.Type, "sambaDomainName") {
			return refuse(wire.UnwillingToPerform, "a Samba server finds its domain here when its service account has its NetBIOS name and the profile samba: "+
				"gatehouse service-account add "+strings.ToLower(ava.Value)+" --ldap-profile samba --grant read:directory --grant read:samba")
		}
	}
	return nil
}
