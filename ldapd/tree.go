package ldapd

import (
	"bytes"
	"errors"
	"strings"

	"github.com/google/uuid"

	"gatehouse/directory"
	"gatehouse/directory/schema"
	"gatehouse/ldapd/wire"
)

// tree knows the names of the directory information tree below the base.
type tree struct {
	domain string
	dn     string // of the base, as every answer prints it
	base   wire.Name
}

// newTree returns the tree of a domain: example.com has the base dc=example,dc=com.
func newTree(domain string) (*tree, error) {
	if domain == "" {
		return nil, errors.New("there is none")
	}
	var dn wire.DN
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" {
			return nil, errors.New("an empty label")
		}
		dn = append(dn, wire.RDN{{Type: "dc", Value: label}})
	}
	t := &tree{domain: domain, dn: dn.String()}
	return t, t.base.Set([]byte(t.dn))
}

func (t *tree) userDN(name string) string {
	return "uid=" + string(wire.AppendDNValue(nil, name)) + ",ou=users," + t.dn
}

func (t *tree) groupDN(name string) string {
	return "cn=" + string(wire.AppendDNValue(nil, name)) + ",ou=groups," + t.dn
}

func (t *tree) serviceDN(name string) string {
	return "cn=" + string(wire.AppendDNValue(nil, name)) + ",ou=services," + t.dn
}

func (t *tree) viewUserDN(name, slug string) string {
	return "uid=" + string(wire.AppendDNValue(nil, name)) + ",ou=users,app=" + slug + ",ou=apps," + t.dn
}

// bindName is whom a bind names.
type bindName struct {
	name string // a username or an address
	uid  string // or an entryUUID
	kind directory.UserKind
	app  string // slug of the app that decides
	view bool   // the name is below the view of the app,
	typ  string // which may have a name of its own for this attribute of the RDN, whose value is name
	bare bool   // name is no DN but what the client takes for a login
}

// bindName reads the name of a bind. A name that is nobody's is returned as it is: the core refuses it as it refuses
// every unknown name. The error is an *Error of wire.
func (t *tree) bindName(dn []byte) (bindName, error) {
	nobody := bindName{name: clip(dn), kind: directory.Person, app: directory.AppDirectory}
	if bytes.IndexByte(dn, '@') > 0 && bytes.IndexByte(dn, '=') < 0 {
		// Not a name by RFC 4511 §4.2, but what many clients offer as a login: an address or a userPrincipalName, which
		// Active Directory takes ([MS-ADTS] §5.1.1.1.1).
		nobody.bare = true
		return nobody, nil
	}
	parsed, err := wire.ParseDN(dn)
	if err != nil {
		return bindName{}, err
	}
	var n wire.Name
	if err := n.Set(dn); err != nil {
		return bindName{}, err
	}
	levels, ok := n.Below(&t.base)
	if !ok || levels < 2 || len(parsed[0]) != 1 {
		return nobody, nil
	}
	typ, _, _ := bytes.Cut(n.RDN(0), []byte("="))
	value, container := parsed[0][0].Value, string(n.RDN(1))
	switch {
	case levels == 2 && container == "ou=services" && (string(typ) == "cn" || string(typ) == "uid"):
		return bindName{name: value, kind: directory.ServiceAccount, app: directory.AppDirectory}, nil
	case levels == 2 && container == "ou=users":
		return personName(string(typ), value, nobody), nil
	case levels == 4 && container == "ou=users" && string(n.RDN(3)) == "ou=apps":
		slug, ok := bytes.CutPrefix(n.RDN(2), []byte("app="))
		if !ok {
			return nobody, nil
		}
		return bindName{name: value, typ: string(typ), kind: directory.Person, app: string(slug), view: true}, nil
	}
	return nobody, nil
}

// principal returns the username in a userPrincipalName of this domain: alice of alice@example.com.
func (t *tree) principal(login string) (username string, ok bool) {
	at := strings.LastIndexByte(login, '@')
	if at <= 0 || !strings.EqualFold(login[at+1:], t.domain) {
		return "", false
	}
	return login[:at], true
}

func personName(typ, value string, nobody bindName) bindName {
	b := bindName{kind: directory.Person, app: directory.AppDirectory}
	switch typ {
	case "uid", "cn", "mail":
		b.name = value
	case "entryuuid":
		id, err := uuid.Parse(value)
		if err != nil {
			return nobody
		}
		b.uid = id.String()
	default:
		return nobody
	}
	return b
}

// inView returns whom a name in a view means there. Whoever the view does not know by it, or for whom there is no view,
// is nobody.
func (b bindName) inView(facet *schema.LDAP, nobody string) bindName {
	found := bindName{name: nobody, kind: directory.Person}
	if facet != nil {
		found = personName(strings.ToLower(facet.Type(b.typ)), b.name, found)
	}
	found.app, found.view = b.app, true
	return found
}
