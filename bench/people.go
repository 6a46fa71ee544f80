package main

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"

	"gatehouse/directory/credential"
	"gatehouse/test/stage"
)

// people is the directory that every server gets: the same names, groups and
// passwords.
type people struct {
	count  int
	groups int    // 0: there are none
	format string // makes a name of a number
	secret string // all passwords are made from it
	reader string // password of the account that searches
	writer string // password of the account that makes changes
	radius string // shared secret of the access point
	argon2 string // hash of secret; "" where nobody has one
}

// signers is how many of the people sign in again and again; a sign-in bench
// goes through them in turn.
const signers = 100

func newPeople(count int) people {
	return people{
		count: count, format: "user%06d", secret: rand.Text(), radius: rand.Text(),
		reader: rand.Text() + rand.Text(), writer: rand.Text() + rand.Text(),
	}
}

// withGroups adds groups, and people who sign in once.
func (p people) withGroups(groups int) (_ people, err error) {
	p.groups = groups
	p.argon2, err = credential.DefaultParams().Hash(rand.Reader, p.secret)
	return p, err
}

func (p people) name(i int) string     { return fmt.Sprintf(p.format, i%p.count) }
func (p people) mail(i int) string     { return p.name(i) + "@" + stage.Domain }
func (p people) password(i int) string { return fmt.Sprintf("%s-%d", p.secret, i%signers) }

// once are the people who have a hash of one kind and have not signed in yet:
// first those with SSHA, then those with argon2id.
func (p people) once() (ssha, argon2, end int) {
	return signers, min(p.count/2, 5_000), min(p.count*4/5, 8_000)
}

// hash is the stored form of somebody's password, "" for who has none.
func (p people) hash(i int) string {
	once, argon2, end := p.once()
	switch {
	case i < signers, p.argon2 != "" && i >= once && i < argon2:
		return ssha(p.password(i))
	case i >= argon2 && i < end:
		return p.argon2
	default:
		return ""
	}
}

// ssha is the salted SHA-1 form that OpenLDAP keeps.
func ssha(password string) string {
	salt := []byte(rand.Text()[:8])
	sum := sha1.Sum(append([]byte(password), salt...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

const (
	// teams is how many groups a person is in, not counting those above them.
	teams = 5
	// nested is how many groups a group of groups holds.
	nested = 50
)

func groupName(k int) string { return fmt.Sprintf("group-%06d", k) }

// team is the n-th group of a person: different groups for one person, everybody
// spread over all of them.
func (p people) team(i, n int) int { return (i%p.count + n*(p.groups/teams+1)) % p.groups }

// above is the group that a group is in; ok is false at the top.
func above(k int) (parent int, ok bool) { return k / nested, k >= nested }

// members are the people and groups that are in a group themselves.
func (p people) members(k int) (users, groups []int) {
	for n := range teams {
		offset := n * (p.groups/teams + 1) % p.groups
		for i := (k - offset + p.groups) % p.groups; i < p.count; i += p.groups {
			users = append(users, i)
		}
	}
	for child := max(k*nested, nested); child < min((k+1)*nested, p.groups); child++ {
		groups = append(groups, child)
	}
	return users, groups
}

// memberOf are the groups that a person is in, by nesting too.
func (p people) memberOf(i int) []int {
	var all []int
	in := map[int]bool{}
	for n := range teams {
		for k, ok := p.team(i, n), true; ok && !in[k]; k, ok = above(k) {
			in[k] = true
			all = append(all, k)
		}
	}
	return all
}

const (
	usersDN  = "ou=users," + stage.BaseDN
	groupsDN = "ou=groups," + stage.BaseDN
	readerDN = "cn=reader,ou=services," + stage.BaseDN
	writerDN = "cn=writer,ou=services," + stage.BaseDN
)

func (p people) dn(i int) string { return "uid=" + p.name(i) + "," + usersDN }

func groupDN(k int) string { return "cn=" + groupName(k) + "," + groupsDN }

const (
	// perApply is how many people one `gatehouse apply` creates: it is one
	// transaction, which must end within the store's patience on a busy machine
	// too.
	perApply = 2_000
	// groupsPerApply is the same for groups, whose memberships are the work.
	groupsPerApply = 100
)

// sites is the directory for `gatehouse apply`, in parts.
func (p people) sites() []string {
	sites := []string{p.accounts() + fmt.Sprintf(`radius_clients:
  - {name: bench, networks: ["127.0.0.1/32"], secret: %q, methods: [pap, mschapv2]}
  - {name: bench-tls, networks: ["%s/32"], secret: %q, methods: [eap-tls]}
  - {name: bench-ttls, networks: ["%s/32"], secret: %q, methods: [eap-ttls]}
  - {name: bench-peap, networks: ["%s/32"], secret: %q, methods: [peap]}
`, p.radius, pointOf(typeTLS), p.radius, pointOf(typeTTLS), p.radius, pointOf(typePEAP), p.radius)}
	for from := 0; from < p.count; from += perApply {
		var b strings.Builder
		b.WriteString("users:\n")
		for i := from; i < min(from+perApply, p.count); i++ {
			fmt.Fprintf(&b, "  - {username: %s, given_name: Given%d, family_name: Family%d, emails: [%s]", p.name(i), i, i, p.mail(i))
			if hash := p.hash(i); hash != "" {
				fmt.Fprintf(&b, ", password_hash: %q", hash)
			}
			b.WriteString("}\n")
		}
		sites = append(sites, b.String())
	}
	// Groups of groups come after what they hold.
	for to := p.groups; to > 0; to -= groupsPerApply {
		var b strings.Builder
		b.WriteString("groups:\n")
		for k := to - 1; k >= max(to-groupsPerApply, 0); k-- {
			users, groups := p.members(k)
			fmt.Fprintf(&b, "  - {name: %s, members: [%s], groups: [%s]}\n", groupName(k), join(users, p.name), join(groups, groupName))
		}
		sites = append(sites, b.String())
	}
	return sites
}

// accounts are the service accounts that the load generator binds as.
func (p people) accounts() string {
	return fmt.Sprintf(`service_accounts:
  - {name: reader, password: %q, grants: ["read:directory"]}
  - {name: writer, password: %q, grants: ["read:directory", "write:attributes", "write:members"]}
`, p.reader, p.writer)
}

func join(numbers []int, name func(int) string) string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = name(n)
	}
	return strings.Join(names, ", ")
}

// ldif is the directory for a peer. memberOf: the entries of people name their
// groups.
func (p people) ldif(memberOf bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n", stage.BaseDN)
	if memberOf {
		fmt.Fprintf(&b, "aci: (targetattr=\"*\")(version 3.0; acl \"reader\"; allow (read, search, compare) userdn=\"ldap:///%s\";)\n", readerDN)
		fmt.Fprintf(&b, "aci: (targetattr=\"*\")(version 3.0; acl \"writer\"; allow (all) userdn=\"ldap:///%s\";)\n", writerDN)
	}
	b.WriteString("\n")
	for _, ou := range []string{"users", "groups", "services"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, stage.BaseDN, ou)
	}
	for _, account := range []struct{ dn, name, password string }{{readerDN, "reader", p.reader}, {writerDN, "writer", p.writer}} {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: %s\nuserPassword: %s\n\n", account.dn, account.name, ssha(account.password))
	}
	for i := range p.count {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: Given%d Family%d\ngivenName: Given%d\nsn: Family%d\nmail: %s\n", p.dn(i), p.name(i), i, i, i, i, p.mail(i))
		switch hash := p.hash(i); {
		case strings.HasPrefix(hash, "$argon2"):
			fmt.Fprintf(&b, "userPassword: {ARGON2}%s\n", hash)
		case hash != "":
			fmt.Fprintf(&b, "userPassword: %s\n", hash)
		}
		if memberOf {
			b.WriteString("objectClass: nsMemberOf\n")
			for _, k := range p.memberOf(i) {
				fmt.Fprintf(&b, "memberOf: %s\n", groupDN(k))
			}
		}
		b.WriteString("\n")
	}
	for k := range p.groups {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: groupOfNames\ncn: %s\n", groupDN(k), groupName(k))
		users, groups := p.members(k)
		for _, i := range users {
			fmt.Fprintf(&b, "member: %s\n", p.dn(i))
		}
		for _, child := range groups {
			fmt.Fprintf(&b, "member: %s\n", groupDN(child))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// radiusUsers is FreeRADIUS's file of users.
func (p people) radiusUsers() string {
	var b strings.Builder
	for i := range p.count {
		fmt.Fprintf(&b, "%s Cleartext-Password := %q\n", p.name(i), p.password(i))
	}
	return b.String()
}
