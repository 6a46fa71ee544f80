package directory

import "strconv"

// CredentialPeer is what a local process shows without having it: its user, as
// the kernel says. It is never stored.
const CredentialPeer CredentialKind = "peer"

// KnowsPeer reports whether a local user is a service account here. root never
// is.
func (d *Directory) KnowsPeer(uid uint32) bool { return d.peer(uid) != "" }

// peer returns the service account of a local user, "" when there is none.
func (d *Directory) peer(uid uint32) string {
	if uid == 0 {
		return ""
	}
	return d.config.Peers[uid]
}

// vouch says whose attempt a local process makes, whatever name came with it.
func (t *trial) vouch(p PeerProof) {
	name := t.d.peer(p.UID)
	t.attempt.User, t.attempt.Name, t.attempt.Kind = 0, name, ServiceAccount
	t.account = loginKey(name)
	if name == "" {
		t.account = "peer " + strconv.FormatUint(uint64(p.UID), 10)
	}
}

// vouched concludes what vouch has found.
func (t *trial) vouched() bool {
	t.used = Credential{Kind: CredentialPeer}
	return t.person != nil
}
