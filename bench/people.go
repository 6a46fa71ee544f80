package main

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"

	"gatehouse/test/stage"
)

// people is the directory that every server gets: the same names, and the same
// passwords for the first of them.
type people struct {
	count  int
	secret string // all passwords are made from it
	reader string // password of the account that searches
	radius string // shared secret of the access point
}

// signers is how many of the people have a password; a sign-in bench goes
// through them in turn.
const signers = 100

func newPeople(count int) people {
	return people{count: count, secret: rand.Text(), reader: rand.Text() + rand.Text(), radius: rand.Text()}
}

func (p people) name(i int) string     { return fmt.Sprintf("user%06d", i%p.count) }
func (p people) mail(i int) string     { return p.name(i) + "@" + stage.Domain }
func (p people) password(i int) string { return fmt.Sprintf("%s-%d", p.secret, i%signers) }

// ssha is the salted SHA-1 form that OpenLDAP keeps.
func ssha(password string) string {
	salt := []byte(rand.Text()[:8])
	sum := sha1.Sum(append([]byte(password), salt...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}

const (
	usersDN  = "ou=users," + stage.BaseDN
	readerDN = "cn=reader,ou=services," + stage.BaseDN
)

func (p people) dn(i int) string { return "uid=" + p.name(i) + "," + usersDN }

// perApply is how many people one `gatehouse apply` creates: it is one
// transaction, which must end within the store's patience on a busy machine too.
const perApply = 2_000

// sites is the directory for `gatehouse apply`, in parts.
func (p people) sites() []string {
	sites := []string{fmt.Sprintf(`service_accounts:
  - {name: reader, password: %q, grants: ["read:directory"]}
radius_clients:
  - {name: bench, networks: ["127.0.0.1/32"], secret: %q}
`, p.reader, p.radius)}
	for from := 0; from < p.count; from += perApply {
		var b strings.Builder
		b.WriteString("users:\n")
		for i := from; i < min(from+perApply, p.count); i++ {
			fmt.Fprintf(&b, "  - {username: %s, given_name: Given%d, family_name: Family%d, emails: [%s]", p.name(i), i, i, p.mail(i))
			if i < signers {
				fmt.Fprintf(&b, ", password_hash: %q", ssha(p.password(i)))
			}
			b.WriteString("}\n")
		}
		sites = append(sites, b.String())
	}
	return sites
}

// ldif is the directory for slapadd.
func (p people) ldif() string {
	var b strings.Builder
	fmt.Fprintf(&b, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n", stage.BaseDN)
	for _, ou := range []string{"users", "services"} {
		fmt.Fprintf(&b, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", ou, stage.BaseDN, ou)
	}
	fmt.Fprintf(&b, "dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: %s\n\n", readerDN, ssha(p.reader))
	for i := range p.count {
		fmt.Fprintf(&b, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: Given%d Family%d\ngivenName: Given%d\nsn: Family%d\nmail: %s\n", p.dn(i), p.name(i), i, i, i, i, p.mail(i))
		if i < signers {
			fmt.Fprintf(&b, "userPassword: %s\n", ssha(p.password(i)))
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
