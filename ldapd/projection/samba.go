package projection

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gatehouse/directory"
	"gatehouse/ldapd/wire"
)

const (
	// ridBase is where the relative identifiers of accounts begin that follow from Unix numbers: of a user 2n + ridBase,
	// of a group one more. It is Samba's own rule, so a server computes from a number what it reads here.
	ridBase = 1000
	// numberMost is the greatest Unix number with a relative identifier of 32 bits.
	numberMost = (math.MaxUint32 - ridBase - 1) / 2
	// domainUsers is the relative identifier of the group that everybody is in ([MS-DTYP] §2.4.2.4). A user's primary
	// group is for Unix alone, and a Samba server wants one that it can name.
	domainUsers = "513"
	// groupTypeDomain is the sambaGroupType of an ordinary group: SID_NAME_DOM_GRP.
	groupTypeDomain = "2"
	// netbiosMost is how long the name of a server or a domain can be.
	netbiosMost = 15
)

// sambaPolicies are the rules for passwords of a domain, as a Samba server wants to read them: it would write its own
// ones otherwise. They have no effect, because nobody changes a password there.
func sambaPolicies() [][2]string {
	return [][2]string{
		{"sambaAlgorithmicRidBase", strconv.Itoa(ridBase)},
		{"sambaMinPwdLength", "5"},
		{"sambaPwdHistoryLength", "0"},
		{"sambaLogonToChgPwd", "0"},
		{"sambaMaxPwdAge", "-1"},
		{"sambaMinPwdAge", "0"},
		{"sambaLockoutDuration", "30"},
		{"sambaLockoutObservationWindow", "30"},
		{"sambaLockoutThreshold", "0"},
		{"sambaForceLogoff", "-1"},
		{"sambaRefuseMachinePwdChange", "0"},
	}
}

// sambaPassword is what may be known of a Samba password.
type sambaPassword struct{ set, expires time.Time }

// readSambaPasswords reads when Samba passwords of these users, or of all for nil, were set.
func readSambaPasswords(r *directory.Reader, users []directory.UserID, to map[directory.UserID]sambaPassword) error {
	q := directory.CredentialQuery{Users: users, Kinds: []directory.CredentialKind{directory.CredentialSambaPassword}, Sealed: true}
	for c, err := range r.Credentials(q) {
		if err != nil {
			return fmt.Errorf("read samba passwords: %w", err)
		}
		to[c.User] = sambaPassword{c.Created, c.Expires}
	}
	return nil
}

// readDomain gives the state the identifier of the domain, and so the entry of the domain. A directory that has none
// has no accounts for Samba.
func (s *state) readDomain(r *directory.Reader) error {
	sid, found, err := r.Setting(directory.SettingSambaSID)
	if err != nil {
		return fmt.Errorf("read the SID: %w", err)
	}
	if !found {
		return nil
	}
	s.sid = sid + "-"
	s.fixed[slotDomain] = newContainer(slotDomain, kindDomain, "samba,"+s.tree.dn, func(r record) record {
		r = r.appendBlob(attrSambaDomainName, appendValue(nil, s.tree.netbios()))
		for _, p := range sambaPolicies() {
			r = r.appendBlob(s.attrs.byName[strings.ToLower(p[0])], appendValue(nil, p[1]))
		}
		return r
	})
	s.count[kindDomain]++
	return nil
}

// netbios is what the domain is called where names are short: the first label.
func (t *tree) netbios() string {
	label, _, _ := strings.Cut(t.domain, ".")
	return netbiosName(label)
}

func netbiosName(s string) string { return strings.ToUpper(s[:min(len(s), netbiosMost)]) }

// hasRID reports whether a security identifier follows from a Unix number.
func (b *builder) hasRID(number uint32) bool { return b.domain && 0 < number && number <= numberMost }

// sambaAccount adds what a Samba server is told of a person's password, and reports whether there is one.
func (b *builder) sambaAccount(u *directory.User, f flags) bool {
	p, ok := b.samba[u.ID]
	if !ok || !f.has(flagPosix) || !b.hasRID(b.rec.number()) {
		return false
	}
	b.one(attrSambaPwdLastSet, strconv.FormatInt(p.set.Unix(), 10))
	ends := u.Expires
	if ends.IsZero() || !p.expires.IsZero() && p.expires.Before(ends) {
		ends = p.expires
	}
	if !ends.IsZero() {
		b.one(attrSambaKickoff, strconv.FormatInt(ends.Unix(), 10))
	}
	return true
}

// ofSamba is values for the attributes of Samba that are not stored.
func (s sight) ofSamba(dst []byte, r record, a attrID) []byte {
	kind, number := r.flags().kind(), uint64(r.number())
	switch {
	case kind == kindDomain && a == attrSambaSID:
		return appendValue(dst, strings.TrimSuffix(s.sid, "-"))
	case !r.flags().has(flagSamba):
		return r.find(a)
	case kind == kindPerson && a == attrSambaSID:
		return s.appendSID(dst, 2*number+ridBase)
	case kind == kindGroup && a == attrSambaSID:
		return s.appendSID(dst, 2*number+ridBase+1)
	case kind == kindGroup && a == attrSambaGroupType:
		return appendValue(dst, groupTypeDomain)
	case kind == kindPerson && a == attrSambaGroupSID:
		return appendValue(dst, s.sid+domainUsers)
	case kind == kindPerson && a == attrSambaAcctFlags && r.flags().has(flagDisabled):
		return appendValue(dst, "[UD         ]")
	case kind == kindPerson && a == attrSambaAcctFlags:
		return appendValue(dst, "[U          ]")
	default:
		return r.find(a)
	}
}

func (s sight) appendSID(dst []byte, rid uint64) []byte {
	var buf [80]byte
	return appendValue(dst, strconv.AppendUint(append(buf[:0], s.sid...), rid, 10))
}

// numberOf returns the Unix number that a security identifier in its normal form follows from, 0 when it is none of
// ours.
func (s *state) numberOf(sid []byte) uint32 {
	digits, ours := bytes.CutPrefix(sid, []byte(strings.ToLower(s.sid)))
	rid, err := strconv.ParseUint(string(digits), 10, 32)
	if !ours || err != nil || rid < ridBase {
		return 0
	}
	return uint32(rid-ridBase) / 2
}

// appendDomainNames appends the names of the domain: its own, and those of the Samba servers that know themselves by
// one. A server is named like its service account.
func (s sight) appendDomainNames(dst []byte, r record) []byte {
	own := r.find(attrSambaDomainName)
	dst = append(dst, own...)
	name, _ := nextValue(own)
	for _, slot := range s.posts.appendTo(nil, s.tables[byClass].get(mix(uint32(kindService|flagSamba)))) {
		server := s.record(slot)
		if server == nil || server.flags()&classBits != kindService|flagSamba {
			continue
		}
		if v := []byte(netbiosName(string(server.name()))); !bytes.Equal(v, name) {
			dst = appendValue(dst, v)
		}
	}
	return dst
}

// HashesWanted returns the users among the first n entries of the batch whose NT hash the selection asks for and the
// viewer may see. No hash is kept here: they are read when they are sent.
func (c *Cursor) HashesWanted(want *Selection, n int) []directory.UserID {
	return c.hashesWanted(want, func(yield func(*hit) bool) {
		for i := range c.hits[:n] {
			if !yield(&c.hits[i]) {
				return
			}
		}
	})
}

// HashesWanted is that of a Cursor for the entries from up to to.
func (o *Sorted) HashesWanted(want *Selection, from, to int) []directory.UserID {
	return o.c.hashesWanted(want, func(yield func(*hit) bool) {
		for i := range o.rows[from:to] {
			if !yield(&o.rows[from+i].hit) {
				return
			}
		}
	})
}

func (c *Cursor) hashesWanted(want *Selection, hits func(func(*hit) bool)) (users []directory.UserID) {
	if !want.mask.and(c.seen).has(attrSambaNTPassword) {
		return nil
	}
	for h := range hits {
		if isSambaAccount(h.record) {
			users = append(users, h.user())
		}
	}
	return users
}

// isSambaAccount reports whether there is an NT hash of somebody who may sign in with it.
func isSambaAccount(r record) bool {
	f := r.flags()
	return f.kind() == kindPerson && f.has(flagSamba) && !f.has(flagDisabled)
}

// user is the user whose entry was selected; of one that was not selected by itself it is nobody.
func (h *hit) user() directory.UserID {
	return directory.UserID(max(h.position, firstUser) - firstUser)
}

// SetHashes gives the selection the hashes to send, of the users whom HashesWanted has named.
func (s *Selection) SetHashes(hashes map[directory.UserID]directory.Secret) { s.hashes = hashes }

// hashOf returns the encoded value of sambaNTPassword of an entry, nothing when it was not given.
func hashOf(dst []byte, h *hit, want *Selection) []byte {
	if len(want.hashes) == 0 || !isSambaAccount(h.record) {
		return nil
	}
	hash, ok := want.hashes[h.user()]
	if !ok {
		return nil
	}
	return wire.AppendOctets(dst, hash.Reveal())
}
